/*
 * Live streams: frames travel through the inbox of a gateway. A worker sends them; another one may take its
 * lease at any moment. Scripts check the fence, and plain pushes cannot. Connections lose frames, and repeat
 * them.
 */
#include "common.pml"

mtype:kind = { head, chunk, end, abort }
/* How many chunks the answer has, of the first run and of the second. */
#define LENGTH(f) (f == 1 -> 2 : 3)

/* Redis: the inbox with kind, fence and offset; the fence; the place of the job. */
chan inbox = [16] of { mtype:kind, byte, byte };
byte fence;
mtype:place place;
mtype:outcome told;

#ifdef NO_FENCE_CHECK
#define isSuperseded (false)
#else
#define isSuperseded (fence > my)
#endif

/* live-answer.ts: the head, then chunks, then the end. Each waits for the answer to the one before. */
proctype Worker(byte my) {
  byte sent;
  /* take-lease.lua. stream-reclaimer.ts ends a stream that no worker sends: end-streams.lua. */
  atomic { fence == my - 1 -> fence = my };
serve:
  sent = 0;
  if
  :: atomic { place == in_streams -> if :: isSuperseded -> goto left_ :: else fi;
      assert(fence == my); inbox!abort(my, 0); place = nowhere; goto serve }
  :: atomic { place == in_wait || (place == in_active && fence == my) -> place = in_active }
  :: atomic { told != untold && place == nowhere -> goto left_ }
  :: atomic { isSuperseded -> goto left_ }
  fi;
  /* open-streams.lua */
  atomic { if :: isSuperseded -> goto left_ :: else fi;
    assert(fence == my);
    place = (place == in_active -> in_streams : place); inbox!head(my, 0) };
  do
  :: sent < LENGTH(my) ->
    /* RPUSH */
    atomic { inbox!chunk(my, sent); sent++ };
    /* The connection breaks, and what was under way is sent again. */
    if
    :: atomic { mayFail -> faults++; inbox!chunk(my, sent - 1) }
    :: true
    fi
  :: else -> break
  od;
  /* end-streams.lua */
  atomic { if :: isSuperseded -> goto left_ :: else fi;
    assert(fence == my);
    inbox!end(my, sent); place = nowhere; goto serve };
left_:
  skip
}

/* arrived-frames.ts, incoming-stream.ts */
proctype Gateway() {
  mtype:kind kind; byte ours, from, offset, got; bool mixed, again;
next:
  do
  :: atomic { inbox?kind(from, offset) ->
      if
      :: kind == head -> if :: ours == 0 -> ours = from :: else fi
      :: kind == chunk ->
        if
        :: ours == 0
#ifdef NO_FENCE_IN_CHUNK
        :: ours != 0 && offset == got -> got++; mixed = mixed || from != ours
#else
        :: ours != 0 && from != ours
#endif
#ifdef NO_OFFSETS
        :: ours != 0 && from == ours -> mixed = mixed || offset != got; got++
#else
        :: ours != 0 && from == ours && offset == got -> got++
        :: ours != 0 && from == ours && offset < got
        /* A gap: missing-frames.ts asks for it, and gives up after 5 s. */
        :: ours != 0 && from == ours && offset > got -> told = died; break
#endif
        fi
      :: kind == end && from == ours ->
        if
#ifdef NO_LENGTH
        :: true -> told = answered
#else
        :: offset == got -> told = answered
        :: offset != got -> told = died
#endif
        fi;
        /* A stream that ends cleanly is whole, and of one run. */
        assert(told != answered || (got == LENGTH(ours) && !mixed));
        break
      :: kind == end && from != ours
      :: kind == abort && ours != 0 -> told = died; break
      /* The head is lost: the request is dispatched again, or its outcome is unknown. */
      :: kind == abort && ours == 0 -> goto lost
      fi
    }
  /* The connection breaks on which a frame was read. */
  :: atomic { mayFail && nempty(inbox) -> faults++; inbox?kind(from, offset) }
#ifndef NO_LOST_CHECK
  /* lost-streams.ts, lost-requests.ts: the job is gone, and everything was read. */
  :: atomic { place == nowhere && empty(inbox) -> if :: ours == 0 -> goto lost :: else -> told = died; break fi }
#endif
  od;
  goto over;
lost:
  /* dispatcher.ts, handleLost: once in this world. */
  atomic {
    if
    :: !again -> again = true; place = in_wait; goto next
    :: again -> told = unknown
    fi
  };
over:
  /* Nobody waits any more. What still comes is dropped. */
  do :: inbox?kind(from, offset) od
}

active proctype End() {
  timeout -> assert(told != untold && place == nowhere)
}

init { atomic { place = in_wait; told = untold; run Worker(1); run Worker(2); run Gateway() } }
