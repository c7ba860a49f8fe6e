/** A line for the person who typed `npm start`. */
export function progress(text: string): void {
  process.stdout.write(`${text}\n`);
}
