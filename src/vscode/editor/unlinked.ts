/**
 * A text for a notification without links. The editor makes one of every `[words](command:…)` in a notification, and
 * pressing it runs the command; names, addresses and reasons that a text quotes come from servers and workspaces.
 */
export const unlinked = (text: string): string => text.replaceAll('](', '] (');
