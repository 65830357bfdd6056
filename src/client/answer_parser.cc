#include "client/answer_parser.h"

#include <algorithm>
#include <charconv>

namespace phoenix {
namespace {

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kTokenMarks.find(c) != std::string_view::npos;
  });
}

std::optional<uint64_t> read_number(std::string_view text, int base) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || ec != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

AnswerParser::AnswerParser(bool head_only, std::size_t max_body, BodySink sink)
    : head_only_(head_only), max_body_(max_body), sink_(std::move(sink)) {}

bool AnswerParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kFault:
        return false;
      case State::kDone:
        surplus_ = true;
        return true;
      case State::kUntilClose:
        return take_body(bytes);
      case State::kLength:
      case State::kChunk: {
        const auto n = static_cast<std::size_t>(std::min<uint64_t>(left_, bytes.size()));
        if (!take_body(bytes.substr(0, n))) return false;
        bytes.remove_prefix(n);
        left_ -= n;
        if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
        break;
      }
      case State::kStatus:
      case State::kHeader:
      case State::kChunkSize:
      case State::kChunkEnd:
      case State::kTrailer: {
        const std::size_t end = bytes.find('\n');
        const std::size_t n = end == std::string_view::npos ? bytes.size() : end + 1;
        line_.append(bytes.substr(0, n));
        bytes.remove_prefix(n);
        if (line_.size() + head_ > kMaxHead) return fault("its head is too long");
        if (end == std::string_view::npos) return true;
        line_.pop_back();
        if (line_.ends_with('\r')) line_.pop_back();
        const std::string line = std::exchange(line_, {});
        if (!take_line(line)) return false;
      }
    }
  }
  return state_ != State::kFault;
}

bool AnswerParser::feed_eof() {
  if (state_ == State::kUntilClose) state_ = State::kDone;
  return state_ == State::kDone || fault("the connection closed in the middle of it");
}

bool AnswerParser::fault(std::string_view what) {
  state_ = State::kFault;
  if (error_.empty()) error_ = "the answer cannot be read: " + std::string(what);
  return false;
}

bool AnswerParser::take_line(std::string_view line) {
  switch (state_) {
    case State::kStatus:
      head_ += line.size() + 2;
      return take_status(line);
    case State::kHeader:
      head_ += line.size() + 2;
      return line.empty() ? end_head() : take_header(line);
    case State::kChunkSize:
      return take_chunk_size(line);
    case State::kChunkEnd:
      if (!line.empty()) return fault("a chunk is longer than it says");
      state_ = State::kChunkSize;
      return true;
    case State::kTrailer:
      head_ += line.size() + 2;
      if (line.empty()) state_ = State::kDone;
      return true;
    case State::kLength:
    case State::kChunk:
    case State::kUntilClose:
    case State::kDone:
    case State::kFault:
      break;
  }
  return fault("a line where none belongs");
}

bool AnswerParser::take_status(std::string_view line) {
  const bool one = line.starts_with("HTTP/1.1 ");
  if (!one && !line.starts_with("HTTP/1.0 ")) return fault("it is not HTTP/1");
  const auto status = read_number(line.substr(9, 3), 10);
  if (!status || *status < 100 || *status == 101 || (line.size() > 12 && line[12] != ' ')) {
    return fault("it has no valid status");
  }
  answer_.status = static_cast<int>(*status);
  keep_alive_ = one;
  state_ = State::kHeader;
  return true;
}

bool AnswerParser::take_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return fault("it has a malformed header");
  }
  std::string name = lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  if (name == "content-length") {
    const auto length = read_number(value, 10);
    if (!length || (length_ && *length_ != *length)) return fault("its Content-Length is none");
    length_ = length;
  } else if (name == "transfer-encoding") {
    if (chunked_ || lower(value) != "chunked") return fault("its transfer coding is not chunked");
    chunked_ = true;
  } else if (name == "connection") {
    const std::string option = lower(value);
    if (option == "close") keep_alive_ = false;
    if (option == "keep-alive") keep_alive_ = true;
  }
  answer_.headers.emplace_back(std::move(name), std::string(value));
  return true;
}

bool AnswerParser::end_head() {
  if (answer_.status < 200) {
    answer_ = {};
    length_.reset();
    chunked_ = false;
    state_ = State::kStatus;
    return true;
  }
  const bool bodiless = head_only_ || answer_.status == 204 || answer_.status == 304;
  if (bodiless) {
    state_ = State::kDone;
  } else if (chunked_) {
    state_ = State::kChunkSize;
  } else if (length_) {
    left_ = *length_;
    state_ = left_ == 0 ? State::kDone : State::kLength;
  } else {
    keep_alive_ = false;
    state_ = State::kUntilClose;
  }
  return true;
}

bool AnswerParser::take_chunk_size(std::string_view line) {
  const auto size = read_number(trim(line.substr(0, line.find(';'))), 16);
  if (!size) return fault("a chunk has no valid size");
  left_ = *size;
  state_ = left_ == 0 ? State::kTrailer : State::kChunk;
  return true;
}

bool AnswerParser::take_body(std::string_view part) {
  if (sink_ && answer_.ok()) {
    sink_(part);
    return true;
  }
  if (answer_.body.size() + part.size() > max_body_) {
    return fault("its body is over " + std::to_string(max_body_) + " bytes");
  }
  answer_.body.append(part);
  return true;
}

}  // namespace phoenix
