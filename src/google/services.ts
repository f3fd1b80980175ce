import type { ScopeGroup } from '../core/server-preset.js';

/** One scope of Google, by the part of its address that differs. */
interface Scope {
  readonly name: string;
  /** As `ScopeWords.text`. */
  readonly text: string;
  /** The names of narrower scopes for which it stands, too. */
  readonly covers?: readonly string[];
}

/** A service of Google: its scopes, and which of them its tools need. */
export interface GoogleService extends ScopeGroup {
  readonly id: string;
  readonly scopes: readonly Scope[];
}

const service = (
  id: string,
  label: string,
  groups: { readonly full: readonly string[]; readonly readOnly: readonly string[] },
  ...scopes: readonly (readonly [name: string, text: string, ...covers: string[]])[]
): GoogleService => ({
  id,
  label,
  scopes: scopes.map(([name, text, ...covers]) => ({ name, text, covers })),
  full: groups.full.map(googleScope),
  readOnly: groups.readOnly.map(googleScope),
});

/** The scope of that name, as it is asked for. */
export const googleScope = (name: string): string =>
  name.includes(':') ? name : `https://www.googleapis.com/auth/${name}`;

/** What whoever may change mail may do, too. */
const belowModify = [
  'gmail.readonly',
  'gmail.compose',
  'gmail.send',
  'gmail.insert',
  'gmail.labels',
  'gmail.metadata',
];

/**
 * The services whose servers exist, with their scopes.
 * @see https://developers.google.com/identity/protocols/oauth2/scopes
 */
export const googleServices: readonly GoogleService[] = [
  service(
    'gmail',
    'Gmail',
    { full: ['gmail.modify', 'gmail.settings.basic'], readOnly: ['gmail.readonly'] },
    [
      'https://mail.google.com/',
      'read, write, send and delete all mail for good',
      'gmail.modify',
      ...belowModify,
    ],
    ['gmail.modify', 'read, write and send mail', ...belowModify],
    ['gmail.readonly', 'read mail', 'gmail.metadata'],
    ['gmail.compose', 'write drafts and send mail', 'gmail.send'],
    ['gmail.send', 'send mail'],
    ['gmail.insert', 'add mail'],
    ['gmail.labels', 'change labels'],
    ['gmail.metadata', 'read labels and headers of mail'],
    ['gmail.settings.basic', 'change filters and settings'],
    ['gmail.settings.sharing', 'change forwarding and delegates'],
  ),
  service(
    'drive',
    'Drive',
    { full: ['drive'], readOnly: ['drive.readonly'] },
    [
      'drive',
      'read, change and delete all files',
      'drive.readonly',
      'drive.file',
      'drive.metadata',
      'drive.metadata.readonly',
      'documents',
      'documents.readonly',
      'spreadsheets',
      'spreadsheets.readonly',
      'presentations',
      'presentations.readonly',
    ],
    [
      'drive.readonly',
      'read all files',
      'drive.metadata.readonly',
      'documents.readonly',
      'spreadsheets.readonly',
      'presentations.readonly',
    ],
    ['drive.file', 'use the files that were made or opened with it'],
    ['drive.appdata', 'keep settings of its own'],
    ['drive.metadata', 'change the names and properties of files', 'drive.metadata.readonly'],
    ['drive.metadata.readonly', 'read the names and properties of files'],
  ),
  service(
    'calendar',
    'Calendar',
    { full: ['calendar'], readOnly: ['calendar.readonly'] },
    [
      'calendar',
      'read and change all calendars',
      'calendar.readonly',
      'calendar.events',
      'calendar.events.readonly',
      'calendar.events.freebusy',
      'calendar.freebusy',
      'calendar.calendarlist',
      'calendar.calendarlist.readonly',
      'calendar.calendars',
      'calendar.calendars.readonly',
      'calendar.settings.readonly',
    ],
    [
      'calendar.readonly',
      'read all calendars',
      'calendar.events.readonly',
      'calendar.events.freebusy',
      'calendar.freebusy',
      'calendar.calendarlist.readonly',
      'calendar.calendars.readonly',
      'calendar.settings.readonly',
    ],
    ['calendar.events', 'read and change events', 'calendar.events.readonly', 'calendar.events.freebusy'],
    ['calendar.events.readonly', 'read events', 'calendar.events.freebusy'],
    ['calendar.events.freebusy', 'see when you are busy, in your calendars'],
    ['calendar.freebusy', 'see when you are busy'],
    ['calendar.calendarlist', 'change the list of calendars', 'calendar.calendarlist.readonly'],
    ['calendar.calendarlist.readonly', 'read the list of calendars'],
    ['calendar.calendars', 'change the properties of calendars', 'calendar.calendars.readonly'],
    ['calendar.calendars.readonly', 'read the properties of calendars'],
    ['calendar.settings.readonly', 'read settings'],
  ),
  service(
    'docs',
    'Docs',
    { full: ['documents', 'drive.file'], readOnly: ['documents.readonly'] },
    ['documents', 'read and change documents', 'documents.readonly'],
    ['documents.readonly', 'read documents'],
  ),
  service(
    'sheets',
    'Sheets',
    { full: ['spreadsheets', 'drive.file'], readOnly: ['spreadsheets.readonly'] },
    ['spreadsheets', 'read and change spreadsheets', 'spreadsheets.readonly'],
    ['spreadsheets.readonly', 'read spreadsheets'],
  ),
  service(
    'slides',
    'Slides',
    { full: ['presentations', 'drive.file'], readOnly: ['presentations.readonly'] },
    ['presentations', 'read and change presentations', 'presentations.readonly'],
    ['presentations.readonly', 'read presentations'],
  ),
  service(
    'people',
    'Contacts',
    { full: ['contacts', 'directory.readonly'], readOnly: ['contacts.readonly', 'directory.readonly'] },
    ['contacts', 'read and change contacts', 'contacts.readonly'],
    ['contacts.readonly', 'read contacts'],
    ['contacts.other.readonly', 'read the people whom you have written to'],
    ['directory.readonly', 'read the directory of your organization'],
    ['userinfo.email', 'see your address'],
    ['userinfo.profile', 'see your name and picture'],
  ),
  service(
    'chat',
    'Chat',
    {
      full: ['chat.messages', 'chat.spaces', 'chat.memberships.readonly'],
      readOnly: ['chat.messages.readonly', 'chat.spaces.readonly', 'chat.memberships.readonly'],
    },
    [
      'chat.messages',
      'read, write and delete messages',
      'chat.messages.readonly',
      'chat.messages.create',
      'chat.messages.reactions',
      'chat.messages.reactions.create',
      'chat.messages.reactions.readonly',
    ],
    ['chat.messages.readonly', 'read messages', 'chat.messages.reactions.readonly'],
    ['chat.messages.create', 'write messages'],
    [
      'chat.messages.reactions',
      'react to messages',
      'chat.messages.reactions.create',
      'chat.messages.reactions.readonly',
    ],
    ['chat.messages.reactions.create', 'add reactions'],
    ['chat.messages.reactions.readonly', 'see reactions'],
    ['chat.spaces', 'make and change spaces', 'chat.spaces.readonly', 'chat.spaces.create'],
    ['chat.spaces.readonly', 'see spaces'],
    ['chat.spaces.create', 'make spaces'],
    ['chat.memberships', 'change who is in a space', 'chat.memberships.readonly'],
    ['chat.memberships.readonly', 'see who is in a space'],
    ['chat.users.readstate', 'change what you have read', 'chat.users.readstate.readonly'],
    ['chat.users.readstate.readonly', 'see what you have read'],
  ),
  service(
    'tasks',
    'Tasks',
    { full: ['tasks'], readOnly: ['tasks.readonly'] },
    ['tasks', 'read and change tasks', 'tasks.readonly'],
    ['tasks.readonly', 'read tasks'],
  ),
  service(
    'forms',
    'Forms',
    {
      full: ['forms.body', 'forms.responses.readonly'],
      readOnly: ['forms.body.readonly', 'forms.responses.readonly'],
    },
    ['forms.body', 'read and change forms', 'forms.body.readonly'],
    ['forms.body.readonly', 'read forms'],
    ['forms.responses.readonly', 'read the answers to forms'],
  ),
  service(
    'script',
    'Apps Script',
    {
      full: ['script.projects', 'script.deployments', 'script.processes'],
      readOnly: ['script.projects.readonly', 'script.deployments.readonly'],
    },
    ['script.projects', 'read and change scripts', 'script.projects.readonly'],
    ['script.projects.readonly', 'read scripts'],
    ['script.deployments', 'deploy scripts', 'script.deployments.readonly'],
    ['script.deployments.readonly', 'see deployments'],
    ['script.processes', 'see what runs'],
  ),
  service(
    'bigquery',
    'BigQuery',
    { full: ['bigquery'], readOnly: ['bigquery.readonly'] },
    ['bigquery', 'query and change data', 'bigquery.readonly', 'bigquery.insertdata'],
    ['bigquery.readonly', 'query data'],
    ['bigquery.insertdata', 'add data'],
  ),
  service(
    'cloud',
    'Google Cloud',
    { full: ['cloud-platform'], readOnly: ['cloud-platform.read-only'] },
    [
      'cloud-platform',
      'use and change everything in your projects',
      'cloud-platform.read-only',
      'bigquery',
      'bigquery.readonly',
      'bigquery.insertdata',
      'devstorage.full_control',
      'devstorage.read_write',
      'devstorage.read_only',
    ],
    ['cloud-platform.read-only', 'see everything in your projects'],
    ['devstorage.full_control', 'control storage', 'devstorage.read_write', 'devstorage.read_only'],
    ['devstorage.read_write', 'read and write storage', 'devstorage.read_only'],
    ['devstorage.read_only', 'read storage'],
  ),
];
