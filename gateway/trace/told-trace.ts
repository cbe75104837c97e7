import type { ProtocolTrace } from '#shared/trace/protocol-trace.ts';
import type { EndedRequestListener } from '../http/ended-request.ts';

/** @returns a listener that notes in the protocol trace what each client was told. */
export function toldTrace(trace: ProtocolTrace): EndedRequestListener {
  return {
    ended: ({ id, status, code, mode, aborted, bytesOut: bytes, method }) =>
      trace.record({ kind: 'told', id, status, code, mode, aborted, bytes, method }),
  };
}
