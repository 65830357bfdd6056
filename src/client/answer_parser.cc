#include "client/answer_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cctype>

namespace phoenix {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;

std::string_view std_view(string_view text) { return {text.data(), text.size()}; }

class BodyParser : public http::basic_parser<false> {
 public:
  Answer answer;
  AnswerParser::BodySink sink;

 private:
  void take_body(string_view part) {
    if (sink && answer.ok()) {
      sink(std_view(part));
    } else {
      answer.body.append(part.data(), part.size());
    }
  }

  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override { answer.status = code; }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    std::string lower(std_view(name));
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    answer.headers.emplace_back(std::move(lower), std::string(std_view(value)));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(string_view part, error_code&) override {
    take_body(part);
    return part.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view part, error_code&) override {
    take_body(part);
    return part.size();
  }
  void on_finish_impl(error_code&) override {}
};

}  // namespace

struct AnswerParser::Impl {
  BodyParser parser;
  std::string pending;
  std::string error;

  // Beast takes at most one part of the message at a time and asks for contiguous bytes.
  bool drain() {
    while (!pending.empty() && !parser.is_done()) {
      error_code ec;
      const std::size_t used = parser.put(boost::asio::buffer(pending), ec);
      pending.erase(0, used);
      if (ec == http::error::need_more) return true;
      if (ec) {
        error = "the answer is not valid HTTP: " + ec.message();
        return false;
      }
      if (used == 0) return true;
    }
    return true;
  }
};

AnswerParser::AnswerParser(bool head_only, std::size_t max_body, BodySink sink)
    : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(kMaxHeaderBytes);
  impl_->parser.eager(true);
  impl_->parser.skip(head_only);
  if (sink) {
    impl_->parser.body_limit(boost::none);
  } else {
    impl_->parser.body_limit(std::uint64_t{max_body});
  }
  impl_->parser.sink = std::move(sink);
}

AnswerParser::~AnswerParser() = default;

bool AnswerParser::feed(std::string_view bytes) {
  impl_->pending.append(bytes);
  return impl_->drain();
}

bool AnswerParser::feed_eof() {
  if (!impl_->drain()) return false;
  error_code ec;
  impl_->parser.put_eof(ec);
  if (ec) {
    impl_->error = "the connection closed in the middle of the answer";
    return false;
  }
  return true;
}

bool AnswerParser::head_done() const { return impl_->parser.is_header_done(); }
bool AnswerParser::done() const { return impl_->parser.is_done(); }
bool AnswerParser::keep_alive() const {
  return impl_->parser.keep_alive() && impl_->pending.empty();
}
const Answer& AnswerParser::answer() const { return impl_->parser.answer; }
Answer AnswerParser::take() { return std::move(impl_->parser.answer); }
const std::string& AnswerParser::error() const { return impl_->error; }

}  // namespace phoenix
