// Server-Sent Events out of the bytes of a stream, as they come (WHATWG HTML, section 9.2): lines
// `id:`, `event:` and `data:`, an event ends at an empty line, comments are left out. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace phoenix {

struct SseEvent {
  std::string type;  // "message" if the stream named none
  std::string id;    // of this event; empty if it has none
  std::string data;  // lines joined by a line feed
};

class SseParser {
 public:
  // A line, or an event's data, longer than this breaks the stream.
  static constexpr std::size_t kMaxEvent = std::size_t{64} << 20;

  explicit SseParser(std::function<void(const SseEvent&)> sink) : sink_(std::move(sink)) {}
  // False: over the bound; of no further use.
  bool feed(std::string_view bytes);

 private:
  void take_line(std::string_view line);

  std::function<void(const SseEvent&)> sink_;
  std::string line_;
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;
};

}  // namespace phoenix
