import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deed } from '../../support/deed.js';
import { scrubbed } from './scrub.js';

/** A conversation that real programs once had. */
export interface Recording {
  /** Who talked: the name of its file. */
  readonly name: string;
  readonly deeds: readonly Deed[];
}

/** A deed as a line of a file has it: bytes as text. */
type Line<T = Deed> = T extends { readonly piece: Buffer }
  ? Omit<T, 'piece'> & { readonly piece: string }
  : T extends { readonly pieces: readonly Buffer[] }
    ? Omit<T, 'pieces'> & { readonly pieces: readonly string[] }
    : T;

const ending = '.jsonl';

/** All recordings in the tree. */
export function readRecordings(): readonly Recording[] {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(ending));
  return files.sort().map((file) => {
    const lines = readFileSync(join(import.meta.dirname, file), 'utf8')
      .trimEnd()
      .split('\n');
    return {
      name: file.slice(0, -ending.length),
      deeds: lines.map((line) => deedOf(JSON.parse(line) as Line)),
    };
  });
}

/** Writes a recording, one deed in each line, without what is of its time and place. */
export function writeRecording({ name, deeds }: Recording): void {
  const text = deeds.map((deed) => `${JSON.stringify(lineOf(deed))}\n`).join('');
  writeFileSync(join(import.meta.dirname, `${name}${ending}`), scrubbed(text));
}

function lineOf(deed: Deed): Line {
  if (deed.does === 'say') return { ...deed, piece: textOf(deed.piece) };
  return deed.does === 'ask' ? { ...deed, pieces: deed.pieces.map(textOf) } : deed;
}

function deedOf(line: Line): Deed {
  if (line.does === 'say') return { ...line, piece: Buffer.from(line.piece) };
  return line.does === 'ask' ? { ...line, pieces: line.pieces.map((piece) => Buffer.from(piece)) } : line;
}

/** @throws Error for what cannot be kept as text, such as half a character */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw new Error('A piece is no text; record anew.');
  return text;
}
