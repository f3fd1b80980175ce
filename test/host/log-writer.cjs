'use strict';

/**
 * Takes the place of `@vscode/spdlog` in the editor, whose compiled half is not built here. Without it the
 * editor writes no log file and shows empty output channels, and no test could tell what an extension logs.
 * Synchronous, so that what was logged is in the file.
 */
const { appendFileSync, mkdirSync } = require('node:fs');
const { dirname } = require('node:path');

class Logger {
  #path;
  #isRaw = false;

  constructor(path) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
  }

  /** From now on what comes in is complete lines, or parts of them. */
  clearFormatters() {
    this.#isRaw = true;
  }

  #write(level, message) {
    const line = this.#isRaw ? message : `${new Date().toISOString()} [${level}] ${message}\n`;
    appendFileSync(this.#path, line);
  }

  trace = (message) => this.#write('trace', message);
  debug = (message) => this.#write('debug', message);
  info = (message) => this.#write('info', message);
  warn = (message) => this.#write('warning', message);
  error = (message) => this.#write('error', message);
  critical = (message) => this.#write('critical', message);

  /** The editor filters by level before it calls. */
  setLevel() {}
  setPattern() {}
  flush() {}
  drop() {}
}

exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.createRotatingLogger = async (_name, path) => new Logger(path);
exports.createAsyncRotatingLogger = exports.createRotatingLogger;
