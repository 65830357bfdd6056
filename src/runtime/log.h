// The host's log on stderr: one line a fact, for people or as JSON. What is told are facts of the
// host's own life and, below info, its answers; never tokens, queries, headers or contents.
//
//   log.write(Severity::kInfo, "started", {{"url", url}, {"run", run}});
//   text  2026-01-31T12:00:00.000Z info started url=http://127.0.0.1:7400 run=3
//   json  {"time":"2026-…","level":"info","event":"started","url":"http://…","run":"3"}
//
// A value is quoted in text when it holds a space, a quote, '=' or a control character; no value
// can begin a line of its own. May be used from any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace phoenix {

enum class Severity : uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

class Log {
 public:
  using Field = std::pair<std::string_view, std::string>;

  // level: trace | debug | info | warn | error | off.
  Log(std::string_view level, bool json);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool wants(Severity severity) const;
  void write(Severity severity, std::string_view event, std::initializer_list<Field> fields) const;

  // One line without its end, as it is written.
  static std::string render(bool json, WallMs at, Severity severity, std::string_view event,
                            std::initializer_list<Field> fields);

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
  bool json_;
};

}  // namespace phoenix
