"""What a Valkey or Redis server does in one step: small scripts, each behind the same fence.

The keys of a run, in the order in which every script gets them::

    1 run            a hash: leg, world, memory, ttl (ms), lease (ms), newest (the newest round),
                     index (the entries of the stream as ROUND=MARK:NAMES), at (when the newest
                     was published, ms), gathered (the last round in the log), abort (a frame),
                     and attempt:RANK
    2 states         a stream: entry ROUND-0 holds the frame of that state; the highest id of all
                     holds an abort, after which the stream takes nothing more
    3 contributions  a hash: rank -> frame, of the current round only
    4 lease          the rank that finishes the round, while it lives
    5 departures     a stream: frames of the ranks that left
    6 telemetry      a stream: frames of events, for the client
    7 gathered       a stream, the log: entry ROUND-0 holds rank -> frame of a complete round, from the
                     round of the newest state on, as long as these are small

The first arguments are always leg, rank and attempt (rank is empty for the client). Every sign of
life sees to it that all keys but the lease, which has to lapse, live for another half of their time
at least.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha1

ABORT_ID = "18446744073709551615-18446744073709551615"
"""The highest id there is: wakes all readers of a stream and lets no later entry in."""

KEYS = (
    "run",
    "states",
    "contributions",
    "lease",
    "departures",
    "telemetry",
    "gathered",
)

_NOW = """
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

_FENCE = (
    _NOW
    + """
local leg, rank, attempt = ARGV[1], ARGV[2], ARGV[3]
local run = redis.call('HMGET', KEYS[1], 'leg', 'world', 'memory', 'ttl', 'lease', 'newest',
  'index', 'abort', 'attempt:' .. rank, 'gathered', 'at')
if run[1] ~= leg then return {'gone'} end
if run[8] then return {'aborted', run[8]} end
if run[9] and tonumber(run[9]) > tonumber(attempt) then return {'superseded', run[9]} end
local newest, gathered = tonumber(run[6]), tonumber(run[10])
local function renew()
  if redis.call('PTTL', KEYS[1]) * 2 > tonumber(run[4]) then return end
  for i, key in ipairs(KEYS) do
    if i ~= 4 then redis.call('PEXPIRE', key, run[4]) end
  end
end
local function tell(events)
  redis.call('XADD', KEYS[6], 'MAXLEN', 1000, '*', 'frame', events)
  redis.call('PEXPIRE', KEYS[6], run[4])
end
local function last()
  local entry = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  return {'state', newest, entry[2][2]}
end
"""
)


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the digest that names it."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "sha", sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        )


OPEN = Script(
    _NOW
    + """
redis.call('DEL', unpack(KEYS))
redis.call('XADD', KEYS[2], ARGV[8] .. '-0', 'frame', ARGV[9])
redis.call('HSET', KEYS[1], 'leg', ARGV[1], 'world', ARGV[4], 'memory', ARGV[5], 'ttl', ARGV[6],
  'lease', ARGV[7], 'newest', ARGV[8], 'index', ARGV[8] .. '=' .. ARGV[10] .. ':', 'at', now(), 'gathered', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return {'ok'}
"""
)
"""world size, memory, time to live (ms), lease (ms), round, frame, its mark."""

CHECK = Script(_FENCE + "return {'ok'}")

JOIN = Script(
    _FENCE
    + """
redis.call('HSET', KEYS[1], 'attempt:' .. rank, attempt)
if ARGV[4] ~= '' then tell(ARGV[4]) end
renew()
return {'ok'}
"""
)
"""a frame of events or nothing."""

CONTRIBUTE = Script(
    _FENCE
    + """
local round, frame = tonumber(ARGV[4]), ARGV[5]
if ARGV[7] ~= '' then tell(ARGV[7]) end
if newest > round then return last() end
local function to_all(frames)
  return {'gathered', frames, run[7], math.abs(now() - tonumber(run[11]))}
end
if round <= gathered then
  local id = ARGV[4] .. '-0'
  return to_all(redis.call('XRANGE', KEYS[7], id, id)[1][2])
end
if round > newest and round > gathered + 1 then return {'behind'} end
if frame ~= '' then
  redis.call('HSETNX', KEYS[3], rank, frame)
elseif redis.call('HEXISTS', KEYS[3], rank) == 0 then
  return {'absent'}
end
local present = redis.call('HLEN', KEYS[3])
if present == 1 then redis.call('PEXPIRE', KEYS[3], run[4]) end
renew()
if present < tonumber(run[2]) then return {'pending'} end
local holder = redis.call('GET', KEYS[4])
if holder and holder ~= rank then return {'pending'} end
local others, bytes = {}, 0
local all = redis.call('HGETALL', KEYS[3])
for i = 1, #all, 2 do
  bytes = bytes + #all[i + 1]
  if all[i] ~= rank then
    others[#others + 1] = all[i]
    others[#others + 1] = all[i + 1]
  end
end
if tonumber(run[3]) == 0 and present > 1 and bytes <= tonumber(ARGV[6]) then
  redis.call('XADD', KEYS[7], ARGV[4] .. '-0', unpack(all))
  redis.call('PEXPIRE', KEYS[7], run[4])
  redis.call('HSET', KEYS[1], 'gathered', ARGV[4])
  redis.call('DEL', KEYS[3])
  return to_all(others)
end
if not holder then redis.call('SET', KEYS[4], rank, 'PX', run[5]) end
return {'complete', others, run[7]}
"""
)
"""round, frame, how many bytes a round may have that all ranks get, a frame of events or nothing; an
empty frame asks, without a body, what `CONTRIBUTE` would answer.

A round that all ranks get goes to the log, and the next one begins: each makes the state itself. So
the newest state and the log are what a rank that starts anew needs, and there is no log where an
update reads more than one state. Otherwise the lease says who
makes the state; a rank that holds it already gets it again: its reply was lost, or it was started
anew. The frames of a complete round are those of the other ranks; its own contribution the caller
has. The age of the newest state is never negative: clocks are set back.
"""

PUBLISH = Script(
    _FENCE
    + """
local round, frame, mark, names, base = tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7], ARGV[8]
if newest >= round then return last() end
local states = {}
local present = {}
for number, its_mark, named in string.gmatch(run[7], '(%d+)=(%x*):([%d,]*)') do
  states[#states + 1] = {number, its_mark, named}
  present[number] = true
  present[number .. '=' .. its_mark] = true
end
if base ~= '' and not present[base] then return {'unnamed'} end
for number in string.gmatch(names, '%d+') do
  if not present[number] then return {'unnamed'} end
end
redis.call('XADD', KEYS[2], ARGV[4] .. '-0', 'frame', frame)
states[#states + 1] = {ARGV[4], mark, names}
local needed = {}
for i = math.max(1, #states - tonumber(run[3])), #states do
  needed[states[i][1]] = true
  for number in string.gmatch(states[i][3], '%d+') do needed[number] = true end
end
local index = {}
for _, state in ipairs(states) do
  if needed[state[1]] then
    index[#index + 1] = state[1] .. '=' .. state[2] .. ':' .. state[3]
  else
    redis.call('XDEL', KEYS[2], state[1] .. '-0')
  end
end
redis.call('HSET', KEYS[1], 'newest', ARGV[4], 'index', table.concat(index, ' '), 'at', now())
if round > gathered then
  redis.call('DEL', KEYS[7])
else
  for number = newest, round - 1 do redis.call('XDEL', KEYS[7], number .. '-0') end
end
if round > gathered + 1 then redis.call('DEL', KEYS[3], KEYS[4]) end
renew()
return {'ok'}
"""
)
"""round, frame, its mark, the rounds that it names (with commas), and the state, as ROUND=MARK, of which
its publisher knows them; nothing if it names none.

What the log holds of earlier rounds goes, and so do the contributions to the current one if that is
over now. ``unnamed``: an entry that the frame names is not there, or is another one of that number;
it has to be sent whole.
"""

LATEST = Script(
    _FENCE
    + """
local entries = redis.call('XRANGE', KEYS[2], '-', '+')
local reply = {'states'}
for _, entry in ipairs(entries) do
  reply[#reply + 1] = entry[1]
  reply[#reply + 1] = entry[2][2]
end
return reply
"""
)

LEAVE = Script(
    _FENCE
    + """
redis.call('XADD', KEYS[5], '*', 'frame', ARGV[4])
redis.call('PEXPIRE', KEYS[5], run[4])
renew()
return {'ok'}
"""
)
"""a frame with the last events."""

ABORT = Script(
    _FENCE
    + f"""
redis.call('HSET', KEYS[1], 'abort', ARGV[4])
redis.call('XADD', KEYS[2], '{ABORT_ID}', 'abort', ARGV[4])
redis.call('DEL', unpack(KEYS, 3))
renew()
return {{'ok'}}
"""
)
"""a frame with the reason."""

ALL = (OPEN, CHECK, JOIN, CONTRIBUTE, PUBLISH, LATEST, LEAVE, ABORT)
