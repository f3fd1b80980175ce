import * as vscode from 'vscode';
import { SystemNetwork } from './node/network.js';
import { systemClock } from './node/system-clock.js';
import { Web } from './node/web.js';
import { openWindow, type OpenWindow } from './window.js';

let window: OpenWindow | undefined;

/** Returns before anything is read or listens; what needs it waits for it. */
export function activate(context: vscode.ExtensionContext): void {
  window = openWindow(vscode, context, {
    web: new Web(),
    clock: systemClock,
    random: Math.random,
    network: new SystemNetwork(),
    environment: process.env,
    platform: `${process.platform} ${process.arch}, Node ${process.version}`,
  });
}

/** The editor waits a few seconds for this: long enough to save a token that has just been renewed. */
export async function deactivate(): Promise<void> {
  await window?.close();
}
