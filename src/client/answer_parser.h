// Turns the bytes of an HTTP/1.1 answer into an Answer, as they come. Beast stays in the .cc.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "client/call.h"

namespace phoenix {

class AnswerParser {
 public:
  // For a 2xx answer: called with pieces of the body instead of keeping them.
  using BodySink = std::function<void(std::string_view)>;

  // `head_only`: the answer to a HEAD, which has no body whatever its headers say.
  AnswerParser(bool head_only, std::size_t max_body, BodySink sink);
  ~AnswerParser();

  // False: not HTTP, or over a bound (64 KiB of headers, max_body): see error().
  bool feed(std::string_view bytes);
  bool feed_eof();
  bool head_done() const;
  bool done() const;
  bool keep_alive() const;  // Requires: done()
  const Answer& answer() const;
  Answer take();
  const std::string& error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
