import assert from 'node:assert/strict';
import { wayBack, type BrowserPlace, type WayBack } from '../../../src/vscode/sign-in/way-back.js';

const desktop = { via: 'auto', isRemote: false, isWeb: false, client: undefined } as const;
const remote = { ...desktop, isRemote: true };
const web = { ...remote, isWeb: true };

const rows: readonly (readonly [what: string, place: BrowserPlace, way: WayBack])[] = [
  ['on the desktop', desktop, 'loopback'],
  ['on the desktop, with a client of the settings', { ...desktop, client: 'configured' }, 'loopback'],
  ['on the desktop, with the extension on another computer', remote, 'forwarded'],
  ['there, with a client that registers itself', { ...remote, client: 'dynamic' }, 'forwarded'],
  ['there, with a client of the settings', { ...remote, client: 'configured' }, 'forwarded'],
  ['in a browser, with a client to be registered', web, 'editor'],
  ['in a browser, with a client that registers itself', { ...web, client: 'dynamic' }, 'editor'],
  ['in a browser, with a client of the settings', { ...web, client: 'configured' }, 'forwarded'],
  ['in a browser, with a client that was typed in', { ...web, client: 'entered' }, 'forwarded'],
  ['in a browser, with our metadata document', { ...web, client: 'metadata-document' }, 'forwarded'],
  ['in a browser of the extension’s own computer', { ...web, isRemote: false }, 'loopback'],
  ['where the user says so', { ...web, via: 'loopback' }, 'loopback'],
  ['where the user says so', { ...remote, via: 'loopback', client: 'configured' }, 'loopback'],
  ['where the user says so', { ...desktop, via: 'editor' }, 'editor'],
  ['where the user says so', { ...web, via: 'editor', client: 'configured' }, 'editor'],
];

describe('the browser comes back', () => {
  for (const [what, place, way] of rows)
    it(`${way}: ${what} (${place.via})`, () => {
      assert.equal(wayBack(place), way);
    });
});
