/*
 * Kept streams: a worker appends to a Redis stream whose name has its fence. Whoever takes over renames it and
 * goes on behind the last entry, or breaks it off. Readers follow it; Redis may lose its newest entries.
 */
#include "common.pml"

#define LENGTH 3

/* Redis. The stream: the fence in its name, 0 if there is none; its entries, as a set, and the last one. */
byte fence, key, recordStream, entries, last;
mtype:state = { running, done, failed };
mtype:state state;
byte length;
mtype:place place;
mtype:outcome told;
/* Whether an entry was written by a worker whose stream another one had taken over. */
bool late;

#ifdef NO_FENCE_CHECK
#define isSuperseded (false)
#else
#define isSuperseded (fence > my)
#endif
#define size ((entries & 1) + ((entries >> 1) & 1) + ((entries >> 2) & 1) + ((entries >> 3) & 1))

proctype Worker(byte my) {
  byte sent, wrote; bool isThere;
  /* take-lease.lua */
  atomic { fence == my - 1 -> fence = my };
  if
  :: place == nowhere -> goto left_
  :: place != nowhere && recordStream == 0 ->
    /* open-kept-stream.lua */
    atomic {
      if :: isSuperseded -> goto left_ :: state != running && !isSuperseded -> goto finish :: else fi;
      if :: recordStream != 0 -> goto left_ :: else fi;
      key = my; entries = 0; last = 0; recordStream = my; place = in_streams
    }
  :: place != nowhere && recordStream != 0 ->
    /* take-over-stream.lua */
    atomic {
      if :: isSuperseded -> goto left_ :: state != running && !isSuperseded -> goto finish :: else fi;
#ifndef NO_RENAME
      if :: key == recordStream -> key = my :: else -> goto broken fi;
#endif
      recordStream = my; sent = last; wrote = size
    };
    /* kept-streams.ts, takeOver: it is read once, so that a stream with a gap does not go on. */
#ifndef NO_READ_AT_TAKEOVER
    if :: wrote != sent -> goto broken :: else fi;
#endif
    /* resumed-run.ts: the handler says where it goes on. */
    if
    :: true
#ifdef NO_RESUME_CHECK
    :: sent > 0 -> sent--
    :: sent < LENGTH -> sent++
#else
    :: goto broken
#endif
    fi
  fi;
  do
  :: sent < LENGTH ->
    /* XADD NOMKSTREAM: refused if the key is gone, or the id is not above the last one. */
    atomic {
      isThere = false;
      if
#ifdef NO_FENCE_IN_NAME
      :: key != 0 && sent + 1 > last ->
#else
      :: key == my && sent + 1 > last ->
#endif
        entries = entries | (1 << sent); last = sent + 1; isThere = true; wrote++;
        late = late || recordStream != my
      :: else
      fi;
      sent++
    };
    if :: !isThere -> goto broken :: else fi
  :: else -> break
  od;
  /* settle-request.lua with the stream, and isWholeStream. */
  atomic {
    if :: isSuperseded || state != running -> goto finish :: else fi;
    assert(fence == my);
    if
#ifndef NO_WHOLE_CHECK
    :: key == my && last == sent && size == wrote -> state = done; length = sent
    :: else -> state = failed
#else
    :: true -> state = done; length = sent
#endif
    fi
  };
  goto finish;
broken:
  /* settle-request.lua with a problem. */
  atomic { if :: isSuperseded || state != running -> goto finish :: else -> state = failed fi };
finish:
  /* end-streams.lua */
  atomic { if :: isSuperseded -> goto left_ :: else -> place = nowhere fi };
left_:
  skip
}

/* follower.ts: it reads what is behind its offset, and ends with the length of the record. */
proctype Reader() {
  byte got; bool gap;
  do
  :: atomic { key != 0 && (entries & (1 << got)) != 0 && got < LENGTH -> got++ }
  /* A reader sees a gap by the ids. */
  :: atomic { key != 0 && (entries & (1 << got)) == 0 && last > got && got < LENGTH ->
#ifdef NO_GAP_CHECK
      got++; gap = true }
#else
      told = died; break }
#endif
  :: atomic { state == done && got == length ->
      told = answered;
      /* A stream that ends cleanly is whole, and nothing of a superseded worker is in it. */
      assert(length == LENGTH && !gap && !late);
      break }
  :: atomic { state == failed || (state == done && last < length && got == last) -> told = died; break }
  od
}

active proctype World() {
  do
  /* Redis loses its last second: the newest entry is gone. */
  :: atomic { mayFail && last > 0 && state == running -> faults++; entries = entries & ~(1 << (last - 1));
      do :: last > 0 && (entries & (1 << (last - 1))) == 0 -> last-- :: else -> break od }
  od
}

active proctype End() {
  timeout -> assert(told != untold && place == nowhere)
}

init { atomic { state = running; place = in_active; told = untold; run Worker(1); run Worker(2); run Reader() } }
