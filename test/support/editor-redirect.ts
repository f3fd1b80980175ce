import { Stores, type BrokerWindow } from './broker-window.js';
import { publicClient, serversSetting, type Ground } from './ground.js';

/** The address of the editor to which the browser comes back. */
export const editorRedirect = 'fake.editor://mcp-credential-broker.mcp-credential-broker/callback';

/** A window that signs in through that address, with a client which is registered with it. */
export async function windowByEditor(ground: Ground, settings = {}, stores = new Stores()) {
  const client = { ...publicClient('refresh_token'), redirect_uris: [editorRedirect] };
  const issuer = await ground.issuer({ clients: [client], registration: false });
  const server = await ground.server(issuer);
  const user = {
    ...serversSetting([server], { tickets: { auth: { clientId: 'ours' } } }),
    'mcpCredentials.redirect.via': 'editor',
    ...settings,
  };
  return { issuer, ...ground.window({ user, stores }) };
}

/** Another window of the same editor, which the user looked at last: what the system opens arrives there. */
export async function focusedBeside(ground: Ground, { stores }: BrokerWindow): Promise<BrokerWindow> {
  const { window } = ground.window({ stores: new Stores({ home: stores.home }) });
  await window.ready;
  return window;
}

/** Of how many redirects `window` has said that they belong to no sign-in. */
export const ignoredRedirects = ({ editor }: BrokerWindow): number =>
  editor.window.logLines.filter((line) => line.includes('belongs to no sign-in')).length;
