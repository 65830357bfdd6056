// Plays a scenario: a text file of commands and what they print, against one node and one store
// under explicit time. For people to read, and for the tests to hold.
//
//   host start | crash | shutdown            advance 1500ms | freeze 5s (the host stands still)
//   store well | full | held | unknown-applied | unknown-lost | conflict
//   register W [caps=a+b] [load=N] [weight=N] [lease=S] [grace=MS] [key=K] [replace] [manual]
//   attach W · poll W [max=N] [wait=1s] [after=none|TEXT] · heartbeat W · stream W · cut W
//   drain W [deadline=S] · resume W · retire W · patch W [load=N] [weight=N] [caps=a+b]
//   plan leave|lease|drain W · plan join|change W [load=N] [weight=N] [caps=a+b]
//   submit P... [requires=a+b] [key=K] [payload=X] [priority=N] [load=N] [affinity=K]
//   [not-before=2s]
//     [deadline=10s] [timeout=S] [attempts=N] [losses=N]
//   start | checkpoint | complete | fail | release | handoff W P@EPOCH [result=X] [seq=N]
//   [no-retry]
//     [retry-after=500ms] [to=W] [requires=a]          await P [wait=5s] · show P... · members
//   cancel P · evict P · retry P · assign P [to=W] · health
//
// W is a member and its session in one. Its `after` is the last answer's `next` unless one is
// given; [token=N] calls with an older token. An answer that comes later is printed then, behind
// the time since the start.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::sim {

struct Played {
  std::string output;                    // the whole file with what was printed
  std::vector<std::string> differences;  // sentences; empty: as expected
};

Result<Played> play(std::string_view text);
// The same for any language: `run` gets each command line and returns what it prints.
Result<Played> play_script(
    std::string_view text,
    const std::function<std::vector<std::string>(const std::string& line)>& run);
// Reads the file; kNotFound if it cannot be read.
Result<Played> play_file(const std::string& path);

}  // namespace phoenix::sim
