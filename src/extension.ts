import * as vscode from 'vscode';
import type { Clock } from './core/ports.js';
import { SystemNetwork } from './node/network.js';
import { Web } from './node/web.js';
import { openWindow, type OpenWindow } from './window.js';

const clock: Clock = {
  nowMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return { dispose: () => clearTimeout(timer) };
  },
};

let window: OpenWindow | undefined;

/** Returns before anything is read or listens; what needs it waits for it. */
export function activate(context: vscode.ExtensionContext): void {
  window = openWindow(vscode, context, {
    web: new Web(),
    clock,
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
