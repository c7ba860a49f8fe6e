// From a failure to what the journey does next. Pure: catalogue entry, origin of the address and proof in, a union to
// switch over out. There is no boolean verdict here, because a lost `!` is found a year later.

import type { AddressVerdict, GatewayError } from '@pgwake/gateway-errors';
import type { DialFailure } from './ports.js';

/** The failure is what the client gets. */
export interface Stop {
  readonly kind: 'stop';
}

/** The same address again, after a pause. */
export interface DialAgain {
  readonly kind: 'dialAgain';
  /** `suspect`: a few of these in a row are a reason to ask wake-service about the compute again. */
  readonly address: 'trusted' | 'suspect';
}

/** Evict this cached generation, wake, and dial what the wake names. Even if the failure says stop: it may be somebody else's. */
export interface Replace {
  readonly kind: 'replace';
}

export type CachedVerdict = Stop | DialAgain | Replace;
/** Wake-service itself named the address, so there is nothing to replace it with. */
export type FreshVerdict = Stop | DialAgain;

/** Address-level outcomes hold for everybody who wants that endpoint, login-level ones only for the one who logged in. */
export type FailureLevel = 'address' | 'login';

/** How much a cached address is worth: `vouched` when wake-service named the same generation a moment ago. */
export type CachedStanding = 'unconfirmed' | 'vouched';

export function judgeCachedDial(failure: DialFailure, standing: CachedStanding): CachedVerdict {
  const { dial, address } = failure.error.entry;
  switch (resolveCached(address, failure.proven, standing)) {
    case 'suspect':
      return { kind: 'replace' };
    case 'trusted':
      return dial === 'stop' ? { kind: 'stop' } : { kind: 'dialAgain', address: 'trusted' };
  }
}

export function judgeFreshDial(failure: DialFailure): FreshVerdict {
  const { dial, address } = failure.error.entry;
  switch (dial) {
    case 'stop':
      return { kind: 'stop' };
    case 'retry':
    case 'retryAfter':
      return { kind: 'dialAgain', address: address === 'suspect' ? 'suspect' : 'trusted' };
  }
}

export type WakeVerdict = { readonly kind: 'stop' } | { readonly kind: 'wakeAgain' };

/** A failed wake says nothing about any address, so only the other half of the catalogue entry counts. */
export function judgeWake(error: GatewayError): WakeVerdict {
  switch (error.entry.dial) {
    case 'stop':
      return { kind: 'stop' };
    case 'retry':
    case 'retryAfter':
      return { kind: 'wakeAgain' };
  }
}

/** Whose business a failed dial is. Waiters for the same address are told of address-level failures only. */
export function levelOf(failure: DialFailure): FailureLevel {
  switch (failure.error.entry.address) {
    case 'suspectIfCached':
      return 'login';
    case 'suspect':
    case 'trusted':
      return 'address';
  }
}

function resolveCached(address: AddressVerdict, proven: boolean, standing: CachedStanding): 'suspect' | 'trusted' {
  switch (address) {
    case 'suspect':
    case 'trusted':
      return address;
    case 'suspectIfCached':
      return proven || standing === 'vouched' ? 'trusted' : 'suspect';
  }
}
