// What the journeys of one endpoint share while there are any: the wake in progress and the gate before its address.

import type { EndpointId, Generation } from '@pgwake/ids';
import { DialGate } from './dial-gate.js';
import type { EndpointMemory } from './endpoint-memory.js';
import { type FlightDeps, type FlightEnd, type Passenger, type WakeAnswer, WakeFlight } from './wake-flight.js';

export class EndpointRoom {
  readonly gate: DialGate;
  #flight: WakeFlight | undefined;

  constructor(
    private readonly deps: FlightDeps,
    private readonly memory: EndpointMemory,
    private readonly endpoint: EndpointId,
  ) {
    const { dialsInFlightPerEndpoint, dialQueuePerEndpoint } = deps.policy;
    this.gate = new DialGate({ dialsInFlight: dialsInFlightPerEndpoint, waiting: dialQueuePerEndpoint });
  }

  /**
   * Joins the wake in progress or starts one: there is never more than one per endpoint. With a suspect generation, an
   * answer that names it again counts only if wake-service was told of the suspicion.
   */
  async wake(suspect: Generation | undefined, passenger: Passenger, signal: AbortSignal): Promise<FlightEnd> {
    for (;;) {
      const flight = this.#flightFor(suspect, passenger);
      const end = await flight.board(passenger, signal);
      if (!end.ok || suspect === undefined || end.answer.info.generation > suspect) return end;
      if (flight.suspectGeneration !== undefined && flight.suspectGeneration >= suspect) return end;
    }
  }

  /** The compute of this generation was reached, and the node cache knows it: later journeys find it there. */
  arrived(generation: Generation): void {
    if (this.#flight?.answer?.info.generation === generation) this.#flight = undefined;
  }

  leave(passenger: Passenger): void {
    const flight = this.#flight;
    flight?.leave(passenger);
    if (flight?.passengers === 0) this.#flight = undefined;
  }

  #flightFor(suspect: Generation | undefined, passenger: Passenger): WakeFlight {
    const current = this.#flight;
    const answer = current?.answer;
    // An answer given before the suspicion came up cannot clear it.
    if (current !== undefined && (answer === undefined || suspect === undefined || answer.info.generation > suspect)) {
      return current;
    }
    this.#flight = new WakeFlight(this.deps, this.endpoint, suspect, passenger, (answer) => this.#answered(answer));
    return this.#flight;
  }

  #answered(answer: WakeAnswer): void {
    this.memory.vouch(answer, answer.answeredAtMs);
    this.gate.renew(answer.info.generation);
  }
}

/** The rooms in use. A room is dropped with its last journey. */
export class EndpointRooms {
  readonly #rooms = new Map<EndpointId, { readonly room: EndpointRoom; journeys: number }>();

  constructor(
    private readonly deps: FlightDeps,
    private readonly memory: EndpointMemory,
  ) {}

  enter(endpoint: EndpointId): EndpointRoom {
    const known = this.#rooms.get(endpoint);
    const entry = known ?? { room: new EndpointRoom(this.deps, this.memory, endpoint), journeys: 0 };
    entry.journeys += 1;
    this.#rooms.set(endpoint, entry);
    return entry.room;
  }

  leave(endpoint: EndpointId): void {
    const entry = this.#rooms.get(endpoint);
    if (entry === undefined) return;
    entry.journeys -= 1;
    if (entry.journeys === 0) this.#rooms.delete(endpoint);
  }

  get size(): number {
    return this.#rooms.size;
  }
}
