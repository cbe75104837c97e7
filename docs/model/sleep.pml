/*
 * Sleep: the worker of an idle replica is ended, and its next job wakes it. The note that it sleeps is where a
 * consumer would be registered. Messages to the controller may be lost.
 */
#include "common.pml"

#define REQUESTS 2
mtype:note = { nothing, registered, asleep, waking };

/* Redis. */
mtype:note note;
mtype:place place[REQUESTS];
bool lease, message;
/* The worker: it runs, or was told to go. */
bool alive, told_to_go;
byte answeredCount, idle;

#define isEmpty (place[0] == nowhere && place[1] == nowhere)
#define waitingOne (place[0] == in_wait || place[1] == in_wait)
#define heldOne (place[0] == in_active || place[1] == in_active)

/* add-jobs.lua */
proctype Gateway(byte r) {
  atomic {
    place[r] = in_wait;
#ifndef NO_WAKE_SLEEPER
    if
    :: note == asleep -> note = waking; message = true
    :: else
    fi
#endif
  };
  /* It is lost. */
  if :: atomic { mayFail && message -> faults++; message = false } :: true fi
}

proctype Worker() {
start:
  alive;
  {
    /* take-lease.lua ends the note. */
    atomic { !lease -> lease = true;
#ifndef NO_NOTE_ENDED
      note = nothing
#endif
    };
    do
    /* tick.lua. The note stays, unless this consumer holds jobs again. */
    :: atomic { waitingOne && lease ->
        if :: place[0] == in_wait -> place[0] = in_active :: else -> place[1] = in_active fi;
#ifndef NO_NOTE_REPLACED
        note = registered
#endif
      }
    :: atomic { heldOne -> if :: place[0] == in_active -> place[0] = nowhere :: else -> place[1] = nowhere fi;
        answeredCount++ }
    :: atomic { note == nothing && !told_to_go -> note = registered }
    /* SIGTERM: it takes nothing more, and finishes what it holds. */
    :: atomic { told_to_go && !heldOne ->
        if :: note == registered -> note = nothing :: else fi;
        goto gone }
    od;
gone:
    skip
  } unless { !alive };
  atomic { alive = false; told_to_go = false;
    if :: place[0] == in_active -> place[0] = in_wait :: else fi;
    if :: place[1] == in_active -> place[1] = in_wait :: else fi;
    lease = false; goto start }
}

/* The controller: sleep-steps.ts and replica-steps.ts. */
active proctype Controller() {
  bool wasIdle;
  do
  /* It has seen that the replica is idle. Then fall-asleep.lua. */
  :: idle < 2 && alive && isEmpty && lease -> idle++;
    atomic {
      if
#ifndef NO_EMPTY_CHECK
      :: isEmpty && lease && note != asleep -> note = asleep
      :: else -> goto next
#else
      :: true -> note = asleep
#endif
      fi
    };
    /* Only a replica that sleeps is told to go. */
    atomic { if :: alive -> told_to_go = true :: else fi };
next:
    skip
  /* It is woken by the message, or by a pass that finds the note, or a job in its queue. */
  :: atomic { message && !alive && !lease -> message = false; alive = true }
#ifndef NO_PASS
  :: atomic { !alive && !lease && (note == waking || !isEmpty) -> message = false; alive = true }
#endif
  /* It does not sleep, and has no worker: it is lost, and started. */
  :: atomic { !alive && !lease && note != asleep && note != waking && !isEmpty -> alive = true }
  od
}

active proctype World() {
  do
  :: atomic { mayFail && alive -> faults++; alive = false }
  od
}

/* Nothing more can happen. Then no job waits. */
active proctype End() { timeout -> assert(isEmpty && answeredCount >= REQUESTS) }

init {
  atomic {
    note = nothing; place[0] = nowhere; place[1] = nowhere; alive = true;
    run Worker(); run Gateway(0); run Gateway(1)
  }
}
