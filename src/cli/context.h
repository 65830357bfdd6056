// What a command runs with: the global flags, the output and the host. And the few habits that
// all commands share: several ids, ids from stdin, one exit code for many calls.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/api.h"
#include "cli/line/command.h"
#include "cli/line/globals.h"
#include "cli/output.h"

namespace phoenix::cli {

class Context {
 public:
  Context(const Globals& globals, const std::vector<Command>& table)
      : globals(globals), table(table), out(globals), api(globals, &out) {}

  const Globals& globals;
  const std::vector<Command>& table;
  Output out;
  Api api;
};

// "-" among the words stands for ids read from stdin, one or more a line. A Failure names the
// first that cannot be an id.
Outcome<std::vector<std::string>> expand_ids(const std::vector<std::string>& words,
                                             std::string_view noun);

// Runs `act` for each id; reports failures as they come and goes on. The answer is the first exit
// code that is not 0.
int for_each_id(Context& context, const std::vector<std::string>& words, std::string_view noun,
                const std::function<Outcome<int>(const std::string& id)>& act);

// The exit code of one thing done; reports the failure if it is one.
int finish(Context& context, const Outcome<int>& outcome);

// Prints the answer about one thing: json and yaml as it is, -o name its id, else `text`.
void print_answer(Context& context, const Reply& reply, const std::string& id,
                  const std::string& text);
// The same of a document that no host sent.
void print_answer(Context& context, Json document, const std::string& id, const std::string& text);

// All of stdin or of a file, up to `limit` bytes; more is wrong use.
Outcome<std::string> read_input(const std::string& path_or_dash, size_t limit,
                                const std::string& what);

// Key and value of "k=v"; a Failure of wrong use names the flag.
Outcome<std::pair<std::string, std::string>> split_pair(const std::string& text,
                                                        std::string_view flag);

// The duration in seconds; a fraction is wrong use of the flag.
Outcome<int64_t> whole_seconds(Duration value, std::string_view flag);

Failure wrong_use(std::string what, std::string why = "", std::string next = "");

// The wall clock in milliseconds since 1970, for ages.
int64_t wall_now_ms();

// "a, b, c" of an array of strings; "k=v, …" of an object of strings.
std::string joined(const Json& value, std::string_view separator = ",");
// A float with at most three digits behind the point, "0.9"; the text itself if it is none.
std::string short_number(const Json& value);

}  // namespace phoenix::cli
