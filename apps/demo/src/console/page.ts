/** The look of what stands in for a company's own pages. */

/** @param body - HTML. */
export function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark }
body { max-width: 40rem; margin: 1rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
button, select, textarea { padding: 0.5rem 1rem; font: inherit }
textarea { width: 100% }
</style><main><h1>${title}</h1>${body}</main></html>`;
}
