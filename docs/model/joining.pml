/*
 * Replicas that join by themselves (ADR 0067): workers of one name, which an orchestrator starts and stops, a
 * controller that reads first and acts later, an operator who removes the name, a worker of another replica
 * that adopts the queue, and a gateway with one unsafe request and perhaps an old ring.
 *
 * With OPERATED the name was added by an operator, and does not follow its workers.
 */
#include "common.pml"

#ifndef STARTS
#define STARTS 3
#endif
#ifndef STOPS
#define STOPS 2
#endif
#define ADOPTER 7
#define bit(gen) (1 << (gen))

/* Redis. Announcements and departures have a bit for each generation. `follows`: the member notes that its
 * worker has announced it. */
byte announced, departing, lease, fence, current, standby, lastGeneration;
bool desired, follows, inRing, retired, tombstone;
mtype:place place;
mtype:outcome inbox, told;

/* Workers that run, those whose clocks say that they have the lease, and how often they were started and
 * stopped. */
byte alive, certain, starts, stops, removals;
/* What the properties are about: begins, the workers that had a successor when they were stopped, whether the
 * name may have lost its last worker without a departure, and whether it was ever let in. */
byte begun, succeeded; bool vanished, wasDesired;

#define isServed (desired || retired || lease != 0)
#define mayStop (stops < STOPS)

/* take-lease.lua, and reclaimer.ts: the request of a dead worker is unsafe. */
inline take_lease(who) {
  fence++; my = fence; lease = who; certain = certain | bit(who);
  if :: who != ADOPTER -> current = who :: else fi;
  if :: standby == who -> standby = 0 :: else fi;
  if
  :: place == in_active -> place = nowhere; inbox = (inbox == untold -> unknown : inbox)
  :: else
  fi
}

/* The lease is certain: renew-lease.lua, if the clock says that it may have run out. */
inline begin(who) {
  if
  :: (certain & bit(who)) != 0
  :: (certain & bit(who)) == 0 && fence == my -> lease = who; certain = certain | bit(who)
  :: fence != my -> goto superseded
  fi;
  begun++;
  assert(begun == 1 && fence == my);
  runs = true
}

inline answer() {
  if
  :: fence != my -> goto superseded
  :: else -> place = nowhere; inbox = (inbox == untold -> answered : inbox); has = false; runs = false
  fi
}

#ifdef NO_DEPARTURE_EARLY
#define isOurs (follow)
#else
/* A controller may be adding it at this moment. */
#define isOurs (follow || !desired)
#endif
#ifdef NO_SUCCESSOR
#define mayLeave (isOurs)
#else
#define mayLeave (isOurs && standby <= gen)
#endif

/* membership.ts, leave: what it reads, and then withdraw-announcement.lua. */
inline leave(mayDepart) {
  atomic {
    follow = desired && follows;
    if :: standby > gen -> succeeded = succeeded | bit(gen) :: else fi;
    if :: mayDepart && mayLeave -> departs = true :: else fi
  };
  atomic {
    announced = announced & ~bit(gen);
    if :: departs -> departing = departing | bit(gen) :: else fi;
    follow = follow && departs; departs = false
  }
}

/* A worker of the name, and those that the orchestrator starts in its place. */
proctype Worker() {
  byte gen, my; bool has, runs, follow, departs, leaving, ending;
start:
  atomic { starts < STARTS -> starts++; lastGeneration++; gen = lastGeneration; alive = alive | bit(gen) };
  {
    atomic { announced = announced | bit(gen) };
    /* membership.ts, join: it waits until it is desired. */
    do
#ifdef NO_DESIRED_FIRST
    :: break
#else
    :: atomic { desired -> break }
#endif
    /* join-first.ts: SIGTERM. */
    :: atomic { mayStop -> stops++ }; leave(true); goto gone
    od;
    /* heartbeat.ts: it waits for the lease. */
    do
    :: atomic { lease != 0 && lease != gen && standby < gen && current <= gen -> standby = gen }
    :: atomic { current > gen -> goto superseded }
    :: atomic { lease == 0 && current <= gen -> assert(wasDesired); take_lease(gen); break }
    /* SIGTERM. Its note that it stands by runs out later, so the holder may still take it for a successor. */
    :: atomic { mayStop -> stops++; if :: standby == gen -> vanished = true :: else fi };
      leave(true); goto gone
    od;
    do
    :: atomic { !ending && !has && place == in_wait && fence == my -> place = in_active; has = true }
    :: atomic { has && !runs -> begin(gen) }
    :: atomic { has && runs -> answer() }
    :: atomic { fence != my -> goto superseded }
    /* The announcement had run out. */
    :: atomic { !leaving && !ending && (announced & bit(gen)) == 0 -> announced = announced | bit(gen) }
    /* Its lease had run out, and nobody has taken it. */
    :: atomic { lease == 0 && fence == my -> lease = gen; certain = certain | bit(gen) }
    /* The replica was removed, and its queue is empty: heartbeat.ts, onRetired. */
    :: atomic { !leaving && !ending && retired && place == nowhere -> ending = true; vanished = true };
      leave(false)
    /* SIGTERM: departure.ts. */
    :: atomic { !leaving && !ending && mayStop -> stops++; leaving = true }; leave(true);
      atomic { if :: !follow -> ending = true :: else fi }
    /* Drained, succeeded, or half of the drain timeout is over. */
    :: atomic { leaving && !ending -> ending = true }
    /* end-lease.lua */
    :: atomic { ending && !has -> if :: lease == gen -> lease = 0 :: else fi; goto gone }
    od;
superseded:
    /* It exits. Its announcement runs out. */
    vanished = true;
gone:
    skip
  } unless { (alive & bit(gen)) == 0 };
  atomic {
    alive = alive & ~bit(gen); certain = certain & ~bit(gen);
    my = 0; gen = 0; has = false; runs = false;
    follow = false; departs = false; leaving = false; ending = false;
    goto start
  }
}

/* adoption.ts: the worker of another replica. */
proctype Adopter() {
  byte my; bool has, runs;
free:
  atomic { lease == 0 && standby == 0 && place != nowhere && !inRing && (desired || retired) ->
    take_lease(ADOPTER) };
  do
  :: atomic { !has && place == in_wait && fence == my -> place = in_active; has = true }
  :: atomic { has && !runs -> begin(ADOPTER) }
  :: atomic { has && runs -> answer() }
  :: atomic { fence != my -> goto superseded }
  :: atomic { lease == 0 && fence == my -> lease = ADOPTER; certain = certain | bit(ADOPTER) }
  /* It is idle, or the owner is on standby. */
  :: atomic { !has && fence == my && (place == nowhere || standby != 0) ->
      if :: lease == ADOPTER -> lease = 0 :: else fi; break }
  od;
superseded:
  atomic { certain = certain & ~bit(ADOPTER); has = false; runs = false; my = 0; goto free }
}

/* join-rule.ts, joinSteps. A replica is gone if it had no worker for REPLICA_LEAVE_AFTER_S. */
#ifdef NO_ANNOUNCED_STAYS
#define stays false
#else
#define stays (announced != 0)
#endif
#ifdef NO_FOLLOWERS_ONLY
#define isFollower desired
#else
#define isFollower (desired && follows)
#endif
#ifdef NO_TOMBSTONE
#define joins (announced != 0 && !desired)
#else
#define joins (announced != 0 && !desired && !tombstone)
#endif
#define leaves (departing != 0 && !stays && isFollower)
#define isGone (isFollower && announced == 0 && departing == 0 && lease == 0 && standby == 0)

proctype Controller() {
  byte ofDeparture, departed; bool wantsJoin, wantsLeave, wantsGone;
  do
  /* join-watch.ts, a pass. */
  :: atomic { (joins || departing != 0 || isGone) ->
      wantsJoin = joins; wantsLeave = leaves; wantsGone = isGone; ofDeparture = departing;
      departed = (leaves -> 0 : departing)
    };
    /* change-desired.lua: the plan is made again if the ring has changed since. */
    atomic {
      if
      :: (wantsLeave || wantsGone) && isFollower ->
        assert(follows);
        assert(!wantsLeave || (ofDeparture & succeeded) == 0);
        /* Who leaves in order is not waited for. */
        assert(!wantsGone || faults > 0 || vanished);
        desired = false; follows = false; inRing = false; retired = true
      :: else
      fi;
      if
      :: wantsJoin && !desired ->
        assert(!tombstone);
        desired = true; wasDesired = true; follows = true; retired = false
      :: else
      fi;
      wantsJoin = false; wantsLeave = false; wantsGone = false; ofDeparture = 0
    };
    atomic { departing = departing & ~departed; departed = 0 }
  /* The ring: admitted while its own worker serves it; evicted after FAILOVER_MS. */
  :: atomic { desired && !inRing && lease != 0 && lease != ADOPTER -> inRing = true }
  :: atomic { inRing && (lease == 0 || lease == ADOPTER) -> inRing = false }
  /* forget.lua, end-retirement.lua */
  :: atomic { retired && lease == 0 && place == nowhere -> retired = false }
  od
}

proctype Gateway() {
  /* It reads the ring, and adds the job later. */
  if
  :: atomic { inRing -> assert(desired) }
  :: atomic { !inRing -> told = answered; goto done }
  fi;
  atomic { place = in_wait };
  do
  :: atomic { inbox != untold -> assert(inbox != unknown || faults > 0); told = inbox; goto done }
  /* lost-requests.ts: nobody serves the queue. It is taken back, and another replica answers. */
  :: atomic { !isServed && place == in_wait -> place = nowhere; told = answered; goto done }
  /* The same, of a job that a dead worker has taken late. It stays until the name joins again. */
  :: atomic { !isServed && place == in_active && inbox == untold ->
      assert(faults > 0); told = unknown; goto done }
  od;
done: skip
}

/* What happens at a time of its own choosing. */
proctype World() {
  do
  /* Redis's keys with a TTL. */
  :: atomic { lease != 0 && lease != ADOPTER && (alive & bit(lease)) == 0 -> lease = 0 }
  :: atomic { (announced & ~alive) != 0 -> announced = announced & alive }
  :: atomic { standby != 0 && (alive & bit(standby)) == 0 -> standby = 0 }
#ifdef REMOVAL
  /* /rm */
  :: atomic { desired && removals == 0 -> removals++;
      desired = false; follows = false; inRing = false; retired = true; tombstone = true }
#endif
  /* A worker is killed. */
  :: atomic { mayFail && (alive & bit(1)) != 0 -> faults++; alive = alive & ~bit(1) }
  :: atomic { mayFail && (alive & bit(2)) != 0 -> faults++; alive = alive & ~bit(2) }
  /* The holder is frozen: its lease and its announcement run out. */
  :: atomic { mayFail && lease != 0 -> faults++; certain = certain & ~bit(lease);
      if :: lease != ADOPTER -> announced = announced & ~bit(lease) :: else fi;
      lease = 0 }
  od
}

/* Nothing more can happen. The request has come to its end, and the ring is what the workers say. */
active proctype End() {
  timeout ->
    assert(told != untold && (place == nowhere || told == unknown));
    assert(!inRing || (desired && lease != 0 && lease != ADOPTER));
    assert(departing == 0);
#ifndef OPERATED
    assert(desired == (announced != 0 && !tombstone));
#else
    assert(desired || tombstone);
#endif
    /* What a worker that was on standby when the name was removed may keep: docs/model/README.md. */
    assert(lease == 0 || desired || tombstone)
}

init {
  atomic {
    place = nowhere; inbox = untold; told = untold;
#ifdef OPERATED
    desired = true; wasDesired = true;
#endif
    /* There may be fewer of each. */
    if :: starts = STARTS - 1 :: starts = STARTS - 2 :: starts = 0 fi;
    if :: stops = STOPS :: stops = STOPS - 1 :: stops = 0 fi;
    run Worker(); run Worker(); run Adopter(); run Controller(); run Gateway(); run World()
  }
}
