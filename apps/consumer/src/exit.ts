/** How the process ends. */
export const exit = { done: 0, unexpected: 1, configuration: 2 } as const;
