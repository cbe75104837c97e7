import type { ServerResponse } from 'node:http';
import { Problem } from '#shared/contract/errors.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import type { BegunOutcome, DispatchClient, Outcome } from '../dispatch/dispatch-client.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { ownAnswerFields } from '../http/own-answer-fields.ts';
import { abortOf, noteBegun, noteBodyDone, noteOutcome } from '../http/answer.ts';
import type { Connections } from '../http/connections.ts';
import { writeProblem } from '../http/problem-response.ts';
import { streamHeaders } from '../request/forwarding.ts';
import { ClientStream } from '../streams/client-stream.ts';
import type { StreamListener } from '../streams/client-stream.ts';
import { writeEarlyHints } from '../streams/early-hints.ts';
import { sendHead } from '../streams/send-head.ts';
import type { StreamMemory } from '../streams/stream-memory.ts';
import { writeReply, writeReplyHead } from './reply-response.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface DispatchedAnswerOptions {
  readonly dispatcher: Pick<Dispatcher, 'stopWaiting'>;
  readonly connections: Connections;
  readonly unsent: UnsentAnswers;
  readonly streamMemory: StreamMemory;
}

/** Writes the answer to a dispatched request. If the client leaves before it is whole, the dispatch ends. */
export class DispatchedAnswer implements DispatchClient {
  readonly #response: ServerResponse;
  readonly #method: string;
  readonly #options: DispatchedAnswerOptions;
  #gone: (() => void) | undefined;
  #isOver = false;

  /** @param method of the request. */
  constructor(response: ServerResponse, method: string, options: DispatchedAnswerOptions) {
    this.#response = response;
    this.#method = method;
    this.#options = options;
  }

  /** Whether all of the answer is written. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Waits for the answer to a request, which is not there yet. */
  waitFor(id: string): void {
    const { dispatcher, connections } = this.#options;
    // If the client leaves, there is no outcome.
    noteOutcome(this.#response, { id, replica: replicaOf(id) });
    this.#gone = () => dispatcher.stopWaiting(id, abortOf(this.#response));
    connections.wait(this.#response.req.socket, this.#gone);
  }

  settle(outcome: Outcome): void {
    const { id, replica, spilledFrom, result } = outcome;
    this.#end();
    noteOutcome(this.#response, outcome);
    const own = replica === undefined ? ['Ringpost-Request', id] : ownAnswerFields(id, replica, spilledFrom);
    if (result instanceof Problem) writeProblem(this.#response, result, own);
    else writeReply(this.#response, this.#method, result, own, this.#options.unsent);
  }

  begin(outcome: BegunOutcome, listener: StreamListener): ClientStream | undefined {
    const { id, replica, spilledFrom, head, hasBytes } = outcome;
    const response = this.#response;
    noteOutcome(response, outcome);
    noteBodyDone(response);
    const { headers, length } = streamHeaders(this.#method, head);
    if (!writeReplyHead(response, head, headers, ownAnswerFields(id, replica, spilledFrom))) {
      this.#end();
      return undefined;
    }
    noteBegun(response);
    // The first bytes go together with the head.
    if (!hasBytes) sendHead(response);
    const { unsent, streamMemory: memory } = this.#options;
    return new ClientStream({ response, length, listener, unsent, memory, onDone: () => this.#end() });
  }

  hint(headers: readonly string[]): void {
    writeEarlyHints(this.#response, headers);
  }

  /** If the client leaves from now on, nothing has to end. */
  #end(): void {
    this.#isOver = true;
    if (this.#gone !== undefined) {
      this.#options.connections.answered(this.#response.req.socket, this.#gone);
    }
  }
}
