// Any bytes as an answer, and any bytes as an event stream, fed at once or in pieces, give the same
// answer or refusal and the same events, within the bounds.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/answer_parser.h"
#include "client/sse.h"

namespace {

constexpr size_t kMaxBody = 1000;

std::string read_events(std::string_view bytes, size_t piece) {
  std::string story;
  phoenix::SseParser parser([&](const phoenix::SseEvent& event) {
    story += event.type + "|" + event.id + "|" + event.data + "\n";
  });
  for (size_t at = 0; at < bytes.size(); at += piece) {
    if (!parser.feed(bytes.substr(at, piece))) std::abort();
  }
  return story;
}

std::string read_answer(std::string_view bytes, size_t piece) {
  phoenix::AnswerParser parser(false, kMaxBody, nullptr);
  bool sound = true;
  for (size_t at = 0; at < bytes.size() && sound; at += piece) {
    sound = parser.feed(bytes.substr(at, piece));
  }
  if (sound) sound = parser.feed_eof();
  if (parser.answer().body.size() > kMaxBody) std::abort();
  if (!sound) return parser.error();
  std::string story = std::to_string(parser.answer().status) + parser.answer().body;
  for (const auto& [name, value] : parser.answer().headers) story += "\n" + name + ":" + value;
  return story + (parser.keep_alive() ? "\nkept" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_events(bytes, std::max<size_t>(size, 1));
  if (read_events(bytes, 1) != whole || read_events(bytes, 7) != whole) std::abort();
  const std::string answer = read_answer(bytes, std::max<size_t>(size, 1));
  if (read_answer(bytes, 1) != answer || read_answer(bytes, 7) != answer) std::abort();
  return 0;
}
