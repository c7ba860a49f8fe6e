// The startup parameter `options` is a command line: Postgres splits it into words (pg_split_opts in
// src/backend/utils/init/postinit.c) and reads those with getopt (process_postgres_switches in
// src/backend/tcop/postgres.c). The same is done here, so that what pgwake takes for an endpoint can never be part of
// what Postgres reads.

interface Word {
  /** Where it stands in the text, its escapes included. */
  readonly start: number;
  readonly end: number;
  /** Without the escapes. */
  readonly value: string;
}

export interface EndpointOptions {
  /** What stands behind each `endpoint=`, in order; any text. */
  readonly named: readonly string[];
  /**
   * The options without those words and the space before them (behind it for the first word), else byte for byte as
   * sent.
   */
  readonly rest: string;
}

const endpointPrefix = 'endpoint=';
/** C's isspace(): JavaScript's \s would also split at spaces that Postgres takes for letters. */
const isSpace = /[ \t\n\v\f\r]/;
/** Of getopt's "B:bC:c:D:d:EeFf:h:ijk:lN:nOPp:r:S:sTt:v:W:-:" those with a colon. */
const switchesWithArgument = 'BCcDdfhkNprStvW-';

/**
 * Takes the words `endpoint=<text>` out of `options`. Only bare ones: `-c endpoint=x` is a setting, and taking its
 * second half away would make the next word the setting's name.
 */
export function extractEndpointOptions(options: string): EndpointOptions {
  const words = splitWords(options);
  const endpointWords = new Set(bareWords(words).filter(({ value }) => value.startsWith(endpointPrefix)));
  const named = [...endpointWords].map(({ value }) => value.slice(endpointPrefix.length));

  let rest = '';
  let copiedTo = 0;
  words.forEach((word, index) => {
    if (!endpointWords.has(word)) return;
    const before = words[index - 1];
    rest += options.slice(copiedTo, before?.end ?? 0);
    copiedTo = before === undefined ? (words[index + 1]?.start ?? options.length) : word.end;
  });
  return { named, rest: rest + options.slice(copiedTo) };
}

function splitWords(text: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isSpace.test(text.charAt(at))) at += 1;
    if (at === text.length) return words;
    const start = at;
    let value = '';
    while (at < text.length && !isSpace.test(text.charAt(at))) {
      if (text.charAt(at) === '\\') at += 1;
      value += text.charAt(at);
      at += 1;
    }
    // A backslash at the very end escapes nothing.
    at = Math.min(at, text.length);
    words.push({ start, end: at, value });
  }
}

/** The words that are neither a switch nor a switch's argument. Postgres refuses all of them. */
function bareWords(words: readonly Word[]): Word[] {
  const bare: Word[] = [];
  let isArgument = false;
  let switchesEnded = false;
  for (const word of words) {
    if (isArgument) isArgument = false;
    else if (switchesEnded || !word.value.startsWith('-') || word.value === '-') bare.push(word);
    else if (word.value === '--') switchesEnded = true;
    else isArgument = takesNextWord(word.value);
  }
  return bare;
}

/** `-c` takes the next word, `-cx=1` brings its argument along, `-ec` is `-e -c`. */
function takesNextWord(switches: string): boolean {
  for (let at = 1; at < switches.length; at += 1) {
    if (switchesWithArgument.includes(switches.charAt(at))) return at === switches.length - 1;
  }
  return false;
}
