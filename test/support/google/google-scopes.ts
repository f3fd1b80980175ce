const api = 'https://www.googleapis.com/auth/';

/** What signing in alone needs, in the form in which Google answers. */
export const identityScopes: readonly string[] = ['openid', `${api}userinfo.email`, `${api}userinfo.profile`];

/** What one may ask for, with the words of the consent page. */
const described: Readonly<Record<string, string>> = {
  openid: 'Associate you with your personal info on Google',
  [`${api}userinfo.email`]: 'See your primary Google Account email address',
  [`${api}userinfo.profile`]: 'See your personal info, including any you have made publicly available',
  'https://mail.google.com/': 'Read, compose, send, and permanently delete all your email from Gmail',
  [`${api}gmail.readonly`]: 'View your email messages and settings',
  [`${api}gmail.modify`]: 'Read, compose, and send emails from your Gmail account',
  [`${api}gmail.compose`]: 'Manage drafts and send emails',
  [`${api}gmail.send`]: 'Send email on your behalf',
  [`${api}gmail.labels`]: 'See and edit your email labels',
  [`${api}gmail.metadata`]: 'View your email message metadata such as labels and headers, but not the body',
  [`${api}gmail.insert`]: 'Add emails into your Gmail mailbox',
  [`${api}gmail.settings.basic`]: 'See, edit, create, or change your email settings and filters in Gmail',
  [`${api}gmail.settings.sharing`]: 'Manage your sensitive mail settings',
  [`${api}drive`]: 'See, edit, create, and delete all of your Google Drive files',
  [`${api}drive.readonly`]: 'See and download all your Google Drive files',
  [`${api}drive.file`]:
    'See, edit, create, and delete only the specific Google Drive files you use with this app',
  [`${api}drive.metadata`]: 'View and manage metadata of files in your Google Drive',
  [`${api}drive.metadata.readonly`]: 'See information about your Google Drive files',
  [`${api}drive.activity.readonly`]: 'View the activity record of files in your Google Drive',
  [`${api}drive.appdata`]: 'See, create, and delete its own configuration data in your Google Drive',
  [`${api}calendar`]: 'See, edit, share, and permanently delete all the calendars you can access',
  [`${api}calendar.readonly`]: 'See and download any calendar you can access',
  [`${api}calendar.events`]: 'View and edit events on all your calendars',
  [`${api}calendar.events.readonly`]: 'View events on all your calendars',
  [`${api}calendar.calendarlist`]: 'See, add, and remove Google calendars you are subscribed to',
  [`${api}calendar.calendarlist.readonly`]: 'See the list of Google calendars you are subscribed to',
  [`${api}calendar.events.freebusy`]: 'See the availability on Google calendars you have access to',
  [`${api}calendar.freebusy`]: 'View your availability in your calendars',
  [`${api}documents`]: 'See, edit, create, and delete all your Google Docs documents',
  [`${api}documents.readonly`]: 'See all your Google Docs documents',
  [`${api}spreadsheets`]: 'See, edit, create, and delete all your Google Sheets spreadsheets',
  [`${api}spreadsheets.readonly`]: 'See all your Google Sheets spreadsheets',
  [`${api}presentations`]: 'See, edit, create, and delete all your Google Slides presentations',
  [`${api}presentations.readonly`]: 'See all your Google Slides presentations',
  [`${api}forms.body`]: 'See, edit, create, and delete all your Google Forms forms',
  [`${api}forms.body.readonly`]: 'See all your Google Forms forms',
  [`${api}forms.responses.readonly`]: 'See all responses to your Google Forms forms',
  [`${api}tasks`]: 'Create, edit, organize, and delete all your tasks',
  [`${api}tasks.readonly`]: 'View your tasks',
  [`${api}contacts`]: 'See, edit, download, and permanently delete your contacts',
  [`${api}contacts.readonly`]: 'See and download your contacts',
  [`${api}contacts.other.readonly`]:
    'See and download contact info automatically saved in your "Other contacts"',
  [`${api}directory.readonly`]: "See and download your organization's Google Workspace directory",
  [`${api}chat.messages`]: 'See, compose, send, update, and delete messages in Google Chat',
  [`${api}chat.messages.create`]: 'Compose and send messages in Google Chat',
  [`${api}chat.messages.readonly`]: 'See messages and their reactions in Google Chat',
  [`${api}chat.spaces`]: 'Create conversations and spaces and see or update metadata in Google Chat',
  [`${api}chat.spaces.readonly`]: 'View chat and spaces in Google Chat',
  [`${api}chat.memberships`]: 'See, add, update, and remove members from conversations in Google Chat',
  [`${api}chat.memberships.readonly`]: 'View members in Google Chat conversations',
  [`${api}chat.users.readstate.readonly`]: 'View last read time for Google Chat conversations',
  [`${api}cse`]: 'Search with a programmable search engine',
  [`${api}script.projects`]: 'Create and update Google Apps Script projects',
  [`${api}script.projects.readonly`]: 'View Google Apps Script projects',
  [`${api}script.deployments`]: 'Create and update Google Apps Script deployments',
  [`${api}script.deployments.readonly`]: 'View Google Apps Script deployments',
  [`${api}script.processes`]: 'View Google Apps Script processes',
  [`${api}script.metrics`]: "View Google Apps Script project's metrics",
  [`${api}bigquery`]: 'View and manage your data in Google BigQuery',
  [`${api}bigquery.readonly`]: 'View your data in Google BigQuery',
  [`${api}cloud-platform`]: 'See, edit, configure, and delete your Google Cloud data',
  [`${api}cloud-platform.read-only`]: 'View your data across Google Cloud services',
  [`${api}sqlservice.login`]: 'Sign in to your Cloud SQL databases',
  [`${api}iam`]: 'Manage your IAM credentials',
  [`${api}youtube`]: 'Manage your YouTube account',
  [`${api}youtube.readonly`]: 'View your YouTube account',
};

export const knownScopes: readonly string[] = Object.keys(described);

export const describe = (scope: string): string => described[scope] ?? scope;

const isIdentity = (scope: string): boolean => identityScopes.includes(scope);

/** What devices without a browser may ask for. */
export const deviceScopes: readonly string[] = [
  ...identityScopes,
  ...['drive.appdata', 'drive.file', 'youtube', 'youtube.readonly'].map((name) => api + name),
];

/**
 * Scopes as Google answers them: `email` and `profile` written out, and `openid` with either.
 * @param text - separated by spaces
 */
export function writtenOut(text: string): readonly string[] {
  const scopes = text.split(' ').filter(Boolean).map(longName);
  return [...new Set([...scopes, ...(scopes.some(isIdentity) ? ['openid'] : [])])];
}

const longName = (scope: string): string =>
  scope === 'email' || scope === 'profile' ? `${api}userinfo.${scope}` : scope;

/** Those beyond signing in: people may refuse them one by one as soon as they are not alone. */
export const beyondIdentity = (scopes: readonly string[]): readonly string[] =>
  scopes.filter((scope) => !isIdentity(scope));
