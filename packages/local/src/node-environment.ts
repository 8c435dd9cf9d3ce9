/**
 * What a Node process of ours takes from its parent's environment: where programs are, and where
 * compiled code is kept, if anywhere. No setting is among it.
 */
export const nodeEnvironment: Readonly<Record<string, string>> = Object.fromEntries(
  ["PATH", "NODE_COMPILE_CACHE"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);
