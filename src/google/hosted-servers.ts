import type { ServerPreset } from '../core/server-preset.js';

const scope = (...names: readonly string[]): readonly string[] =>
  names.map((name) => `https://www.googleapis.com/auth/${name}`);

const workspace = (product: string): string => `https://${product}mcp.googleapis.com/mcp/v1`;

/**
 * The MCP servers that Google hosts, with the scopes that its guides name for them.
 * @see "Configure the Google Workspace MCP servers", developers.google.com/workspace/guides/configure-mcp-servers
 */
export const hostedServers: readonly ServerPreset[] = [
  {
    label: 'gmail',
    name: 'Gmail',
    purpose: 'search and read mail, write drafts',
    url: workspace('gmail'),
    scopes: scope('gmail.readonly', 'gmail.compose'),
    readOnly: scope('gmail.readonly'),
  },
  {
    label: 'drive',
    name: 'Google Drive',
    purpose: 'find and read files, add new ones',
    url: workspace('drive'),
    scopes: scope('drive.readonly', 'drive.file'),
    readOnly: scope('drive.readonly'),
  },
  {
    label: 'calendar',
    name: 'Google Calendar',
    purpose: 'read calendars and events, find free time',
    url: workspace('calendar'),
    scopes: scope('calendar.calendarlist.readonly', 'calendar.events.freebusy', 'calendar.events.readonly'),
  },
  {
    label: 'docs',
    name: 'Google Docs',
    purpose: 'read and change documents',
    url: workspace('docs'),
    scopes: scope('documents', 'drive.readonly', 'drive.file'),
    readOnly: scope('documents.readonly', 'drive.readonly'),
  },
  {
    label: 'sheets',
    name: 'Google Sheets',
    purpose: 'read and change spreadsheets',
    url: workspace('sheets'),
    scopes: scope('spreadsheets', 'drive.readonly', 'drive.file'),
    readOnly: scope('spreadsheets.readonly', 'drive.readonly'),
  },
  {
    label: 'slides',
    name: 'Google Slides',
    purpose: 'read and change presentations',
    url: workspace('slides'),
    scopes: scope('presentations', 'drive.readonly', 'drive.file'),
    readOnly: scope('presentations.readonly', 'drive.readonly'),
  },
  {
    label: 'people',
    name: 'Google Contacts and People',
    purpose: 'look up contacts, profiles and the directory',
    url: 'https://people.googleapis.com/mcp/v1',
    scopes: scope('directory.readonly', 'userinfo.profile', 'contacts.readonly'),
  },
  {
    label: 'chat',
    name: 'Google Chat',
    purpose: 'read spaces and messages, write messages',
    url: workspace('chat'),
    scopes: scope(
      'chat.spaces.readonly',
      'chat.memberships.readonly',
      'chat.messages.readonly',
      'chat.messages.create',
      'chat.users.readstate.readonly',
    ),
    readOnly: scope(
      'chat.spaces.readonly',
      'chat.memberships.readonly',
      'chat.messages.readonly',
      'chat.users.readstate.readonly',
    ),
  },
  {
    label: 'bigquery',
    name: 'BigQuery',
    purpose: 'look through datasets and run queries',
    url: 'https://bigquery.googleapis.com/mcp',
    scopes: scope('bigquery'),
    readOnly: scope('bigquery.readonly'),
    needsProject: true,
  },
];
