/**
 * The answer to `GET /-/api/session`. It needs no credential: the sign-in page reads it first.
 *
 * `POST /-/api/session` `{"token": "…"}` signs in and sets the cookie; `DELETE /-/api/session` signs
 * out. Both answer with a view too, and work on `ADMIN_PORT` alone.
 */
export interface SessionView {
  /**
   * `none`: no credential is needed here. `token`: sign in here. `elsewhere`: sign-in is on `ADMIN_PORT`.
   * `closed`: the admin side is not open here, and `detail` says why.
   */
  readonly access: 'none' | 'token' | 'elsewhere' | 'closed';
  readonly detail: string | null;
  /** The address of the dashboard on `ADMIN_PORT`, if that is elsewhere and known. */
  readonly adminUrl: string | null;
  /** Null if the caller is not signed in, and needs to be. `view` may change nothing. */
  readonly role: 'admin' | 'view' | null;
  /** The name of the token. */
  readonly name: string | null;
  /**
   * The value for the header `Ringpost-Csrf`. A change that is authorized by the cookie needs it; null
   * without a cookie.
   */
  readonly csrf: string | null;
}
