import type { IncomingHttpHeaders } from 'node:http';
import type { AdminSettings } from './admin-settings.ts';
import { isViewable } from '../http/sides.ts';
import { findToken, presentedDigest } from './tokens.ts';
import { untrusted } from './untrusted.ts';

/** A call of an admin route. */
export interface AdminCall {
  readonly method: string;
  /** The URL of the route as it is registered. */
  readonly route: string;
  readonly headers: IncomingHttpHeaders;
}

/** Whether a call is answered. */
export type Admission =
  | {
      readonly kind: 'admitted';
      /** The name of the token; `-` without one. */
      readonly name: string;
    }
  | {
      readonly kind: 'refused';
      readonly code: 'unauthorized' | 'forbidden';
      readonly detail: string;
      /** A credential was presented that is none of the tokens. */
      readonly wrongToken: boolean;
    };

const unauthorized = 'the call needs the header Authorization: Bearer <ADMIN_TOKEN>';
const onlyView =
  'a VIEW_TOKEN opens metadata only: the call needs the header Authorization: Bearer <ADMIN_TOKEN>';

/** Decides whether an admin call is answered. Pure. */
export function admit({ method, route, headers }: AdminCall, settings: AdminSettings): Admission {
  const { tokens, viewTokens } = settings;
  const { authorization } = headers;
  const digest = presentedDigest(authorization);
  const admin = findToken(tokens, digest);
  const view = findToken(viewTokens, digest);
  if (admin !== undefined) return { kind: 'admitted', name: admin.name };
  if (view !== undefined) {
    if (isViewable(method, route)) return { kind: 'admitted', name: view.name };
    return { kind: 'refused', code: 'forbidden', detail: onlyView, wrongToken: false };
  }
  const wrongToken = authorization !== undefined && tokens.length + viewTokens.length > 0;
  if (wrongToken || tokens.length > 0) {
    return { kind: 'refused', code: 'unauthorized', detail: unauthorized, wrongToken };
  }
  const detail = untrusted(headers, settings);
  if (detail === undefined) return { kind: 'admitted', name: '-' };
  return { kind: 'refused', code: 'forbidden', detail, wrongToken: false };
}
