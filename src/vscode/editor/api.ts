/** The editor's API as a value. Only `src/extension.ts` imports the module; everybody else is handed it. */
export type VSCode = typeof import('vscode');
