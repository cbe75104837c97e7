/*
 * The words that the models share. Each model includes this file.
 *
 * A script of Redis is one `atomic` step, named after its file in shared/store/scripts. What a process does
 * between two calls is one step too, because nothing else runs in a turn of its event loop. A process may
 * stop for any time between two steps: so a worker that freezes, and wakes up later, needs no step of its own.
 *
 * A guard of the code is on unless a macro NO_… switches it off. The runner proves that each one is needed.
 */

/* How many faults there are at most: a worker is killed, a lease runs out, a connection breaks. */
#ifndef FAULTS
#define FAULTS 2
#endif
byte faults;
#define mayFail (faults < FAULTS)

/* Where the job of a request is in Redis. `unread`: in the active list, and in the list of deliveries. */
mtype:place = { nowhere, in_wait, unread, in_active, in_suspects, in_streams }

/* What the client of a request was told, or what waits for it in the inbox of its gateway. */
mtype:outcome = { untold, answered, unknown, died, refused, left }
