// Verifiers as wake-service told them, for a short time. One that is in use is asked for again in the background, before it
// is too old; whoever needs a newer one waits for it, all together for one question.

import { type ScramVerifier, parseVerifier } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointAccess, EndpointAccessRequest } from '@pgwake/wake-api';
import { LRUCache } from 'lru-cache';
import { orAbort } from './or-abort.js';

/** Who may log in is wake-service's to say. Rejects with a GatewayError. */
export interface AccessPort {
  getEndpointAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<EndpointAccess>;
}

export interface KnownVerifier {
  readonly verifier: ScramVerifier;
  /** As it was told. */
  readonly text: string;
  readonly disabled: boolean;
  readonly allowedNetworks: readonly string[];
  /** When wake-service was asked; what it answered is not older. */
  readonly askedAtMs: number;
}

interface Question {
  readonly askedAtMs: number;
  readonly answer: Promise<KnownVerifier>;
}

/** So long a changed password may go unnoticed. */
const maxAgeMs = 2_000;
const refreshAfterMs = 1_000;
const maxEntries = 10_000;

export class VerifierCache {
  readonly #access: AccessPort;
  readonly #now: () => number;
  readonly #known = new LRUCache<string, KnownVerifier>({ max: maxEntries });
  readonly #questions = new Map<string, Question>();

  constructor(access: AccessPort, now: () => number) {
    this.#access = access;
    this.#now = now;
  }

  /** At most two seconds old. Rejects as the port does, or with the reason of `signal`. */
  read(request: EndpointAccessRequest, signal: AbortSignal): Promise<KnownVerifier> {
    const now = this.#now();
    const key = keyOf(request);
    const known = this.#known.get(key);
    if (known === undefined || known.askedAtMs < now - maxAgeMs) return this.readSince(request, now - maxAgeMs, signal);
    // Whoever finds it too old next is told why it could not be had.
    if (known.askedAtMs < now - refreshAfterMs && !this.#questions.has(key))
      this.#ask(request).answer.catch(() => undefined);
    return Promise.resolve(known);
  }

  /** What wake-service answered to a question that was asked at `notBeforeMs` or later. */
  async readSince(request: EndpointAccessRequest, notBeforeMs: number, signal: AbortSignal): Promise<KnownVerifier> {
    const key = keyOf(request);
    for (;;) {
      const known = this.#known.get(key);
      if (known !== undefined && known.askedAtMs >= notBeforeMs) return known;
      const question = this.#questions.get(key) ?? this.#ask(request);
      const isLateEnough = question.askedAtMs >= notBeforeMs;
      await orAbort(isLateEnough ? question.answer : question.answer.catch(() => undefined), signal);
    }
  }

  #ask(request: EndpointAccessRequest): Question {
    const key = keyOf(request);
    const askedAtMs = this.#now();
    // Others wait for the answer too, so nobody's leaving ends the question.
    const answer = this.#access
      .getEndpointAccess(request, new AbortController().signal)
      .then(({ verifier: text, disabled, allowedNetworks }) => {
        const verifier = parseVerifier(text);
        if (verifier === undefined) {
          throw new GatewayError('INTERNAL', { detail: 'wake-service gave a malformed verifier' });
        }
        const known = { verifier, text, disabled, allowedNetworks, askedAtMs };
        this.#known.set(key, known);
        return known;
      })
      .finally(() => this.#questions.delete(key));
    const question = { askedAtMs, answer };
    this.#questions.set(key, question);
    return question;
  }
}

function keyOf({ endpoint, role }: EndpointAccessRequest): string {
  return `${endpoint}\0${role}`;
}
