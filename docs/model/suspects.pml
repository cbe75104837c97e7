/*
 * Suspects: requests of which some kill their worker whenever they run. Their replica's workers follow one
 * another. Workers also die from outside, are stopped by ringpost, or freeze in the middle of a reclaim.
 */
#include "common.pml"

#define REQUESTS 3
/* The first ones kill their worker. */
#ifndef KILLERS
#define KILLERS 1
#endif
#define isKiller(r) (r < KILLERS)
/* Losses after which a request is convicted in any case: request-crashes.ts, maxCrashes. */
#define MOST 5
/* With SLOW, runs may take longer than the five seconds for which new requests wait. A request that began
 * alone is then convicted whatever kills its worker. */

/* `ringpost:running`, with its start order: it runs with others, alone, or its conviction was not reported. */
mtype:running = { no, together, alone, convicted }

/* Redis. The losses of a job are a set of deaths. */
mtype:place place[REQUESTS];
mtype:running running[REQUESTS];
short losses[REQUESTS], order[REQUESTS];
mtype:outcome told[REQUESTS];

/* The worker: what it runs, how the last one ended, and how many there were. */
bool runs[REQUESTS], expected;
byte deaths, outside, loneRun;
/* What the properties are about. */
byte killed[REQUESTS], convictions, sinceLast;
/* A reclaimer that is frozen, and the request whose loss it is about to note. */
byte frozen, frozenDeath;

/* Deaths that a set of losses has room for. */
#define DEATHS 14
#define had(r, death) ((losses[r] >> death) & 1)
#define count(r) (had(r, 0) + had(r, 1) + had(r, 2) + had(r, 3) + had(r, 4) + had(r, 5) + had(r, 6) + \
  had(r, 7) + had(r, 8) + had(r, 9) + had(r, 10) + had(r, 11) + had(r, 12) + had(r, 13))
#define isAlone(r) (count(r) > 1)
#define isIdle (!runs[0] && !runs[1] && !runs[2])

/* note-loss.lua; `poison` is decided by request-crashes.ts, isPoison. */
inline note_loss(r, death, counts, poison) {
  poison = false;
  if
  :: place[r] == in_active ->
    if
    :: running[r] == convicted -> poison = true
    :: running[r] != convicted && !counts
    :: else ->
      losses[r] = losses[r] | (1 << death);
#ifndef NO_ALONE
      if :: running[r] == alone -> poison = true; cleared = cleared | losses[r] :: else fi;
#endif
#ifndef NO_FIFTH
      if :: count(r) >= MOST -> poison = true :: else fi
#endif
    fi;
    running[r] = no; place[r] = in_suspects
  :: else
  fi
}

/* begin-suspect.lua */
inline begin_suspect(r, how) {
  place[r] = in_active;
#ifndef NO_RUNNING_NOTE
  running[r] = how;
#else
  if :: how == convicted -> running[r] = how :: else fi;
#endif
  if :: how != convicted -> runs[r] = true :: else fi
}

/* suspect-notes.ts, clearSuspects */
inline clear(each) {
  if
  :: place[each] == in_suspects && (losses[each] & cleared) != 0 ->
    if
    :: (losses[each] & ~cleared) != 0 -> losses[each] = losses[each] & ~cleared
    :: else ->
      /* The last one stays. */
      last = DEATHS - 1;
      do :: (losses[each] & (1 << last)) == 0 -> last-- :: else -> break od;
      losses[each] = 1 << last
    fi
  :: else
  fi
}

#ifdef SLOW
#define bound(r) (MOST * (1 + others(r)))
#else
#define bound(r) (3 + others(r))
#endif
#define others(r) ((r != 0 && told[0] == died) + (r != 1 && told[1] == died) + (told[2] == died))

/* How many kills from outside convict a request that kills nobody: in all, and since the last killer was
 * convicted. */
#if KILLERS == 0
#define leastOutside 3
#else
#define leastOutside 1
#endif
#define leastSince (KILLERS > 0 && convictions == KILLERS -> 2 : 0)

/* The worker ends. Whoever is next finds what was active. */
inline die(isExpected) {
  assert(deaths < DEATHS);
  expected = isExpected;
  runs[0] = false; runs[1] = false; runs[2] = false; loneRun = 0
}

inline finish(r) { runs[r] = false; running[r] = no; place[r] = nowhere; told[r] = answered }

#ifdef SLOW
#define lone false
#else
#define lone (running[0] == alone || running[1] == alone || running[2] == alone)
#endif
#define isNext(r) (place[r] == in_suspects && !isAlone(r))
#define mayRunAlone(r) (place[r] == in_suspects && isAlone(r) && isIdle && \
  !isNext(0) && !isNext(1) && !isNext(2))

proctype Worker() {
  byte r, last, death; short cleared; bool poison, wasExpected;
  do
  ::
    /* take-lease.lua, reclaimer.ts: all that was active. */
    atomic { death = deaths; wasExpected = expected; r = 0 };
    do
    :: r < REQUESTS ->
      if
      :: place[r] == in_active ->
        if
        :: mayFail && frozen == 0 && !wasExpected ->
          /* It freezes before it has noted the loss, and its lease runs out: the next one does it. */
          atomic { faults++; frozen = r + 1; frozenDeath = death }
        :: true
        fi;
        atomic {
          note_loss(r, death, !wasExpected, poison);
          /* Nobody else is convicted, but for kills from outside while it ran. */
#ifndef SLOW
          if :: poison && !isKiller(r) -> assert(outside >= leastOutside && sinceLast >= leastSince) :: else fi
#endif
        };
        if
        :: poison ->
          /* reclaimer.ts, failPoison. The worker may die between these calls. */
          atomic { begin_suspect(r, convicted) };
          if
          :: atomic { mayFail -> faults++; expected = true; goto dies }
          :: true
          fi;
          atomic {
            told[r] = died; running[r] = no; place[r] = nowhere;
            if :: isKiller(r) -> convictions++; sinceLast = 0 :: else fi;
            losses[r] = 0
          }
        :: else
        fi
      :: else
      fi;
      r++
    :: else -> break
    od;
    atomic {
      poison = false;
#ifndef NO_CLEAR
      clear(0); clear(1); clear(2);
#endif
      cleared = 0
    };
    /* suspects.ts, runAll: the first that must run alone, then the others together, then each alone. */
    atomic {
      r = 0; last = 0;
      do
      :: r < REQUESTS ->
        if
        :: place[r] == in_suspects && isAlone(r) && (last == 0 || order[r] >= order[last - 1]) -> last = r + 1
        :: else
        fi;
        r++
      :: else -> break
      od;
      if
      :: last > 0 -> r = last - 1; begin_suspect(r, alone); order[r] = 1; loneRun = last
#ifdef SLOW
      /* An heir runs requests of its own queue meanwhile, and is never idle. */
      :: last > 0 -> r = last - 1; begin_suspect(r, together); order[r] = 1; loneRun = last
#endif
      :: last == 0
      fi;
      r = 0; last = 0
    };
    /* New requests wait until it has ended, or for five seconds. */
    if
    :: loneRun == 0 || !runs[loneRun - 1]
#ifdef SLOW
    :: loneRun != 0
#endif
    :: atomic { loneRun != 0 && isKiller(loneRun - 1) && runs[loneRun - 1] -> killed[loneRun - 1]++; goto kills }
    :: atomic { loneRun != 0 && !isKiller(loneRun - 1) && runs[loneRun - 1] -> finish(loneRun - 1) }
    :: atomic { mayFail && loneRun != 0 -> faults++; outside++; sinceLast++; goto kills }
    :: atomic { mayFail && loneRun != 0 -> faults++; expected = true; goto dies }
    fi;
    loneRun = 0;
    do
    /* Those with one loss, one after the other, before new requests. */
    :: atomic { isNext(0) && !lone -> begin_suspect(0, together); order[0] = 1 }
    :: atomic { isNext(1) && !isNext(0) && !lone -> begin_suspect(1, together); order[1] = 2 }
    :: atomic { isNext(2) && !isNext(0) && !isNext(1) && !lone -> begin_suspect(2, together); order[2] = 3 }
    /* Another one alone, once nothing runs. */
    :: atomic { mayRunAlone(0) -> begin_suspect(0, alone); order[0] = 1 }
    :: atomic { mayRunAlone(1) -> begin_suspect(1, alone); order[1] = 1 }
    :: atomic { mayRunAlone(2) -> begin_suspect(2, alone); order[2] = 1 }
    /* New requests, while none runs alone. */
    :: atomic { place[0] == in_wait && !lone -> place[0] = in_active; runs[0] = true; order[0] = 4 }
    :: atomic { place[1] == in_wait && !lone -> place[1] = in_active; runs[1] = true; order[1] = 5 }
    :: atomic { place[2] == in_wait && !lone -> place[2] = in_active; runs[2] = true; order[2] = 6 }
    /* A request ends, or kills. */
    :: atomic { runs[0] && !isKiller(0) -> finish(0) }
    :: atomic { runs[1] && !isKiller(1) -> finish(1) }
    :: atomic { runs[2] && !isKiller(2) -> finish(2) }
    :: atomic { runs[0] && isKiller(0) -> killed[0]++; goto kills }
    :: atomic { runs[1] && isKiller(1) -> killed[1]++; goto kills }
    :: atomic { mayFail && !isIdle -> faults++; outside++; sinceLast++; goto kills }
    /* It is stopped. */
    :: atomic { mayFail && !isIdle -> faults++;
#ifdef NO_PARDON
        goto kills
#else
        expected = true; goto dies
#endif
      }
    od;
kills:
    expected = false;
dies:
    atomic {
      die(expected);
      deaths++;
      /* A killer is convicted within its bound. Each conviction of another request may clear it. */
      assert(killed[0] <= bound(0) && killed[1] <= bound(1))
    }
  od
}

/* The frozen reclaimer wakes up, and goes on where it was. */
proctype Late() {
  bool poison; short cleared;
  atomic {
    frozen != 0 ->
#ifdef NO_LOSS_FENCE
    note_loss(frozen - 1, frozenDeath, true, poison);
    if :: poison -> begin_suspect(frozen - 1, convicted) :: else fi
#else
    /* Another worker has taken the lease. */
    skip
#endif
  }
}

/* Nothing more can happen. Then the killers are convicted, and the others were answered. */
active proctype End() {
  timeout -> assert(told[0] != untold && told[1] != untold && told[2] != untold)
}

init {
  atomic {
    place[0] = in_wait; place[1] = in_wait; place[2] = in_wait;
    running[0] = no; running[1] = no; running[2] = no;
    told[0] = untold; told[1] = untold; told[2] = untold;
    run Worker(); run Late()
  }
}
