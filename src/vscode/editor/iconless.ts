/**
 * A text for a menu or the status bar without icons. The editor draws one for every `$(name)` in there, and names and
 * addresses come from servers and workspaces: none of them may wear a tick that looks like ours.
 */
export const iconless = (text: string): string => text.replaceAll('$(', '$ (');
