/*
 * A failover: a master with a replica that lags behind. The replica is promoted, and what it does not have is
 * lost. Workers, of which one may stay with the old master, take the lease of a queue with one unsafe request.
 */
#include "common.pml"

/* Server 0 is the master, server 1 the replica. */
byte lease[2], fence[2], taken[2];
mtype:place place[2];
bool promoted;
/* Redis's time in us, of which fences are made: it rises whatever Redis has lost. */
byte clock;

/* Workers 1 and 2: which server each talks to, whether its lease is certain, what it remembers. */
bool cut[3], certain[3], remembers[3], dead[3];
/* Workers that died, or lost their lease in time: frozen, or cut off. */
bool lost[3];
/* What the property is about: how often the request began, where first, and whether that note was lost. */
byte begun, firstBy;
bool noteLost;
mtype:outcome told;

#define server (promoted && !cut[me])
#ifdef NO_FENCE_CHECK
#define isSuperseded (false)
#else
#define isSuperseded (fence[server] > my)
#endif
/* replication.ts: WAIT says that a majority has the renewal. A master that is alone needs none. */
#ifdef NO_WAIT
#define isSafe (true)
#else
#define isSafe (server == 1 || (!cut[me] && lease[1] == me && fence[1] == my))
#endif

proctype Worker(byte me) {
  byte my; bool holds, runs, again;
  {
    /* take-lease.lua */
    atomic { lease[server] == 0 && place[server] != nowhere ->
      clock++; my = clock; fence[server] = my; lease[server] = me };
    /* reclaimer.ts */
    atomic {
      if
      :: place[server] == in_active && taken[server] > 0 -> place[server] = nowhere; told = unknown
      :: else
      fi
    };
    do
    /* replica-lease.ts: renew-lease.lua writes again what was lost, and WAIT. */
    :: atomic { !certain[me] && !isSuperseded && (lease[server] == 0 || lease[server] == me) &&
        lease[server] != me -> lease[server] = me; fence[server] = my }
    :: atomic { !certain[me] && lease[server] == me && fence[server] == my && isSafe ->
        /* Two workers never believe that they have the same lease. */
        assert(!certain[3 - me]);
        certain[me] = true }
    /* tick.lua */
    :: atomic { place[server] == in_wait && !isSuperseded && !holds ->
        place[server] = in_active; taken[server]++; holds = true; again = taken[server] > 1 }
    :: atomic { isSuperseded -> goto gone }
    /* job-answers.ts, finished-runs.ts */
    :: atomic { holds && !runs && certain[me] ->
        if
        :: again -> told = unknown; holds = false; place[server] = nowhere
#ifndef NO_FINISHED_MEMORY
        :: !again && remembers[me] -> told = unknown; holds = false; place[server] = nowhere
        :: !again && !remembers[me] ->
#else
        :: !again ->
#endif
          begun++; runs = true;
          /* It runs twice only if the promoted master lacks the note of its first begin, and the worker that
           * ran it first has died, or has lost its lease: it is frozen or cut off. */
          assert(begun == 1 || (noteLost && firstBy != me && (dead[firstBy] || lost[firstBy])));
          firstBy = (begun == 1 -> me : firstBy)
        fi }
    /* tick.lua finishes the job. */
    :: atomic { runs ->
        if :: isSuperseded -> goto gone :: else fi;
        runs = false; holds = false; remembers[me] = true;
        place[server] = nowhere; told = (told == untold -> answered : told) }
    od;
gone:
    skip
  } unless { dead[me] };
  atomic { certain[me] = false; dead[me] = true;
    if :: lease[0] == me -> lease[0] = 0 :: else fi;
    if :: lease[1] == me -> lease[1] = 0 :: else fi }
}

active proctype World() {
  do
  /* The replica follows. */
  :: atomic { !promoted && (lease[1] != lease[0] || fence[1] != fence[0] || taken[1] != taken[0] ||
      place[1] != place[0]) ->
      lease[1] = lease[0]; fence[1] = fence[0]; taken[1] = taken[0]; place[1] = place[0] }
  /* It is promoted, and has the request. A worker may stay with the old master. */
  :: atomic { mayFail && !promoted && (place[1] != nowhere || begun > 0) -> faults++; promoted = true;
      noteLost = place[1] == in_wait && taken[1] == 0;
      if :: true :: cut[1] = true; lost[1] = lease[1] != 1; certain[1] = certain[1] && !lost[1] fi }
  :: atomic { mayFail && !dead[1] -> faults++; dead[1] = true }
  /* A lease runs out: its worker is frozen or cut off, and knows the time. */
  :: atomic { mayFail && lease[promoted] != 0 && !dead[lease[promoted]] ->
      faults++; certain[lease[promoted]] = false; lost[lease[promoted]] = true; lease[promoted] = 0 }
  /* One that is cut off cannot renew. */
  :: atomic { promoted && cut[1] && lease[1] == 1 -> certain[1] = false; lost[1] = true; lease[1] = 0 }
  od
}

init {
  atomic { place[0] = in_wait; place[1] = in_wait; told = untold; firstBy = 0; run Worker(1); run Worker(2) }
}
