import assert from 'node:assert/strict';
import type { Log } from '../../src/core/ports.js';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** Keeps every line, and fails on one that is two: text from a server could make up lines of its own. */
export class RecordingLog implements Log {
  readonly lines: { readonly level: Level; readonly message: string }[] = [];

  debug(message: string): void {
    this.#write('debug', message);
  }

  info(message: string): void {
    this.#write('info', message);
  }

  warn(message: string): void {
    this.#write('warn', message);
  }

  error(message: string): void {
    this.#write('error', message);
  }

  get text(): string {
    return this.lines.map(({ level, message }) => `${level} ${message}`).join('\n');
  }

  /** The messages of one level, in order. */
  at(level: Level): readonly string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  #write(level: Level, message: string): void {
    assert.doesNotMatch(message, /[\n\r]/, 'A log entry of more than one line.');
    this.lines.push({ level, message });
  }
}
