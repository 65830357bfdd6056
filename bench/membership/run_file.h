// What single runs of the long rows have found, kept in a file, a line each: so a row that takes
// hours can be taken in pieces, interrupted, spread over machines and put together with `cat`. A
// run that stands there is not repeated.
//
// A line: the numbers, a tab, what was run. Belongs to one build: it does not say which.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::bench {

class RunFile {
 public:
  using Numbers = std::vector<uint64_t>;

  RunFile() = default;  // keeps nothing
  // Reads what is there; made when the first run is added. A last line that was cut off is none.
  // Errors: it cannot be read, or the line that is named is none of these.
  static Result<std::unique_ptr<RunFile>> open(const std::string& path);

  // Null: not known.
  const Numbers* find(std::string_view run) const;
  // On any thread; on disk when it returns. Errors: it cannot be written.
  Result<void> add(const std::string& run, const Numbers& numbers);
  size_t size() const { return known_.size(); }

 private:
  bool read_line(std::string_view line);

  std::string path_;
  std::mutex mutex_;
  std::map<std::string, Numbers, std::less<>> known_;  // when it was opened
};

// Which runs of a row are to be done: those of one share of so many. No share: none but the known.
struct Share {
  size_t number = 1, of = 1;
  bool has(size_t run) const { return of > 0 && run % of == number - 1; }
};
// "3/20", "20" (the first of 20), "none". Nothing: it is none of these.
bool parse_share(std::string_view text, Share& share);

}  // namespace phoenix::bench
