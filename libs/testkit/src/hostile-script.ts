import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Feeding, HostileCompute } from '@pgwake/hostile-bytes';
import { encodeAuthenticationSasl } from '@pgwake/pg-wire';
import type { Step } from './scripted-connection.js';
import { authenticate, authenticateWith, close, greet, send, startup } from './scripted-steps.js';

/** The script of a compute that breaks the rules, its bytes cut as `feeding` does it. It knows `verifier`, to get that far. */
export function scriptHostileCompute(compute: HostileCompute, feeding: Feeding, verifier: string): readonly Step[] {
  const { after, says, endless = false } = compute;
  let said: Uint8Array = new Uint8Array(0);
  const read: Step = async (connection) => {
    said = (await connection.readMessage()).body;
  };
  const before: Readonly<Record<HostileCompute['after'], readonly Step[]>> = {
    startup: [startup()],
    clientFirst: [startup(), send(encodeAuthenticationSasl(['SCRAM-SHA-256'])), read],
    clientFinal: [startup(), authenticateWith(new Uint8Array(0))],
    admission: [startup(), authenticate(verifier)],
    query: [startup(), authenticate(verifier), greet(), read],
  };
  const say: Step = async (connection) => {
    const bytes = typeof says === 'function' ? says(said) : says;
    do {
      for (const chunk of feeding.cut(bytes)) {
        await connection.write(chunk);
        await nextTurn(); // otherwise chunks would be read together
      }
    } while (endless);
  };
  return [...before[after], say, close()];
}
