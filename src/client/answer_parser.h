// Turns the bytes of an HTTP/1.1 answer into an Answer, as they come, in pieces of any size. Reads
// bodies by Content-Length, chunked, and up to the connection's end; skips 1xx answers. Strict: no
// folded headers, no second length, no transfer coding but chunked. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/call.h"

namespace phoenix {

class AnswerParser {
 public:
  static constexpr std::size_t kMaxHead = std::size_t{64} * 1024;
  // For a 2xx answer: called with pieces of the body instead of keeping them.
  using BodySink = std::function<void(std::string_view)>;

  // `head_only`: the answer to a HEAD, which has no body whatever its headers say. `max_body`
  // bounds what is kept; a sink takes any length.
  AnswerParser(bool head_only, std::size_t max_body, BodySink sink);

  // False: not HTTP, or over a bound: see error(), and of no further use.
  bool feed(std::string_view bytes);
  // The connection ended. False: in the middle of the answer.
  bool feed_eof();
  bool head_done() const { return state_ > State::kHeader && state_ != State::kFault; }
  bool done() const { return state_ == State::kDone; }
  bool keep_alive() const { return keep_alive_ && !surplus_; }  // Requires: done()
  const Answer& answer() const { return answer_; }
  Answer take() { return std::move(answer_); }
  const std::string& error() const { return error_; }

 private:
  enum class State : uint8_t {
    kStatus,
    kHeader,
    kLength,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailer,
    kUntilClose,
    kDone,
    kFault,
  };
  bool fault(std::string_view what);
  bool take_line(std::string_view line);
  bool take_status(std::string_view line);
  bool take_header(std::string_view line);
  bool end_head();
  bool take_chunk_size(std::string_view line);
  bool take_body(std::string_view part);

  State state_ = State::kStatus;
  bool head_only_;
  std::size_t max_body_;
  BodySink sink_;
  Answer answer_;
  std::string line_;      // what has come of the present line
  std::size_t head_ = 0;  // bytes of head and trailers so far
  uint64_t left_ = 0;     // of the body or chunk
  std::optional<uint64_t> length_;
  bool chunked_ = false;
  bool keep_alive_ = false;
  bool surplus_ = false;  // bytes came after the end
  std::string error_;
};

}  // namespace phoenix
