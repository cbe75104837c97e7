/*
 * Retries that move: a request was answered with 503 and runs again. Its worker puts the job back, and a
 * gateway moves it to the queue of another replica. The gateways may stop between two steps, and die.
 */
#include "common.pml"

/* Redis: the place of the job in each queue, and whether a worker has died with it. */
mtype:place place[2];
bool loss[2];
mtype:outcome told;
bool notice[2];
/* The queue from which the client's gateway expects the answer. */
byte waitsAt;
byte running, attempts, lossAt;
bool adding;

/* A job with a loss stays, and so does one that a worker has. */
#ifdef NO_LOSS_STAYS
#define staysHere false
#else
#define staysHere (loss[0])
#endif
#ifdef NO_ONLY_WAITING
#define isHere (place[0] != nowhere)
#else
#define isHere (place[0] == in_wait)
#endif

/* move-job.lua */
inline move_job(moved) {
  if
  :: place[1] != nowhere -> moved = true
  :: place[1] == nowhere && isHere && !staysHere ->
    place[0] = nowhere; place[1] = in_wait; loss[1] = loss[0]; loss[0] = false; moved = true
  :: else -> moved = false
  fi
}

/* The worker of one queue, and those that follow it. */
proctype Worker(byte q) {
  do
  :: atomic { place[q] == in_wait || place[q] == in_suspects ->
      place[q] = in_active; running++; attempts++;
      /* One attempt at a time, and none elsewhere after a loss. */
      assert(running == 1);
      assert(lossAt == 0 || lossAt == q + 1) };
    if
    /* retries.ts: put back, then the notice. */
    :: atomic { attempts < 4 -> running--; if :: place[q] == in_active -> place[q] = in_wait :: else fi };
      if :: q == 0 && !loss[q] -> notice[0] = true; notice[1] = true :: else fi
    /* tick.lua */
    :: atomic { running--;
        if :: place[q] == in_active -> place[q] = nowhere :: else fi;
        told = (told == untold -> answered : told) }
    /* It dies. reclaimer.ts: the request becomes a suspect. */
    :: atomic { mayFail -> faults++; running--; lossAt = q + 1;
        if :: place[q] == in_active -> place[q] = in_suspects; loss[q] = true :: else fi }
    fi
  od
}

/* retry-moves.ts: with a record all gateways move it. Gateway 0 may be the one at which the client waits. */
proctype Gateway(byte g) {
  bool moved;
  do
  :: notice[g] -> notice[g] = false;
    if
    :: true
    :: atomic { mayFail -> faults++; goto dies }
    fi;
#ifdef WAITS
#ifndef NO_WAIT_ELSEWHERE
    /* From before the move, the client waits for the answer of the other replica. */
    atomic { adding = true; waitsAt = 1 };
#endif
#endif
#ifdef NO_ONE_STEP
    atomic { moved = isHere && !staysHere && place[1] == nowhere;
      if :: moved -> place[0] = nowhere :: else fi };
    if
    :: moved && mayFail -> faults++; goto dies
    :: true
    fi;
    atomic { if :: moved -> place[1] = in_wait :: else fi };
#else
    atomic { move_job(moved) };
#endif
    atomic { adding = false; waitsAt = moved }
  od;
dies:
  /* A client that waited at it loses its connection. */
#ifdef WAITS
  told = left
#else
  skip
#endif
}

#ifdef WAITS
/* lost-requests.ts: no request is taken for lost while its job is in another queue. */
active proctype LostCheck() {
  atomic {
    told == untold && !adding && place[waitsAt] == nowhere -> assert(place[1 - waitsAt] == nowhere)
  }
}
#endif

/* Nothing more can happen. Then the client was told, and no job is left. */
active proctype End() {
  timeout -> assert(told != untold && place[0] == nowhere && place[1] == nowhere)
}

init {
  atomic {
    place[0] = in_wait; place[1] = nowhere; told = untold;
    run Worker(0); run Worker(1); run Gateway(0);
#ifndef WAITS
    run Gateway(1)
#endif
  }
}
