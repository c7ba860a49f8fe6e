// Takes secrets out of what is about to be logged, by their names: the second line of defence, for what should never have been
// passed to a log. pino's own redaction copies all that it is given to do the same, for each line, and every login has two.

const secretNames = new Set(['password', 'verifier', 'secret', 'clientKey', 'serverKey', 'sql', 'authorization']);

/** How far into a value it looks: a field, and a field of a field. */
const levels = 2;

/** The same object if there is no secret in it, otherwise a copy without. What is deeper than two levels is not looked at. */
export function cutSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  return cut(fields, levels);
}

function cut(fields: Record<string, unknown>, levelsLeft: number): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    const shown = secretNames.has(name) ? '[cut]' : cutInside(value, levelsLeft - 1);
    if (shown === value) continue;
    copy ??= { ...fields };
    copy[name] = shown;
  }
  return copy ?? fields;
}

function cutInside(value: unknown, levelsLeft: number): unknown {
  if (levelsLeft === 0 || typeof value !== 'object' || value === null) return value;
  return cut(value as Record<string, unknown>, levelsLeft);
}
