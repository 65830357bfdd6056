#include "membership/wire/messages.h"
#include "membership/wire/packet.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kStreamHeader = 5;  // type and length of what is encrypted

MessageType type_of(char byte) { return static_cast<MessageType>(static_cast<uint8_t>(byte)); }

}  // namespace

StreamMessageScanner::State StreamMessageScanner::refuse(Drop why) {
  why_ = why;
  return State::kRefused;
}

StreamMessageScanner::State StreamMessageScanner::read_type(std::string_view in) {
  switch (type_of(in[0])) {
    case MessageType::kPing:
    case MessageType::kAck:
    case MessageType::kPushPull:
    case MessageType::kUser:
    case MessageType::kCompress:
    case MessageType::kError:
      pos_ = 1;
      stage_ = Stage::kHeader;
      return State::kMore;
    default:
      return refuse(Drop::kUnknownType);
  }
}

StreamMessageScanner::State StreamMessageScanner::read_header(std::string_view in) {
  GoReader header(in.substr(1, pos_ - 1));
  if (type_of(in[0]) == MessageType::kPushPull) {
    PushPullHeader counts;
    if (!decode_header(header, counts)) return refuse(Drop::kMalformed);
    values_left_ = counts.nodes;
    raw_left_ = counts.user_state_bytes;
  } else if (type_of(in[0]) == MessageType::kUser && !decode_header(header, raw_left_)) {
    return refuse(Drop::kMalformed);
  }
  stage_ = Stage::kValues;
  return State::kMore;
}

StreamMessageScanner::State StreamMessageScanner::scan(std::string_view in) {
  if (in.empty()) return State::kMore;
  if (stage_ == Stage::kType && read_type(in) == State::kRefused) return State::kRefused;
  while (stage_ == Stage::kHeader || (stage_ == Stage::kValues && values_left_ > 0)) {
    const ValueScanner::State found = values_.scan(in, pos_);
    if (found == ValueScanner::State::kMalformed) return refuse(Drop::kMalformed);
    if (found == ValueScanner::State::kMore) return State::kMore;
    if (stage_ == Stage::kValues) {
      --values_left_;
    } else if (read_header(in) == State::kRefused) {
      return State::kRefused;
    }
  }
  if (stage_ == Stage::kValues) stage_ = Stage::kRaw;
  if (in.size() - pos_ < raw_left_) return State::kMore;
  pos_ += raw_left_;
  raw_left_ = 0;
  return State::kDone;
}

StreamReader::StreamReader(const FrameOptions& options, const Keyring& keyring, bool labelled)
    : options_(options), keyring_(keyring), at_label_(labelled) {}

void StreamReader::refuse(Drop why) {
  state_ = State::kRefused;
  why_ = why;
  raw_ = {};
  message_ = {};
}

StreamReader::State StreamReader::feed(std::string_view bytes) {
  if (state_ != State::kMore) return state_;
  // Whoever sends more than that before the message is whole has none that we would take.
  constexpr size_t kFraming = kStreamHeader + 2 + UINT8_MAX;
  if (bytes.size() > kMaxStream + kFraming - raw_.size()) {
    refuse(Drop::kOversized);
    return state_;
  }
  raw_.append(bytes);
  if (at_label_) read_label();
  if (!at_label_ && state_ == State::kMore && raw_.size() > start_) read_frame();
  return state_;
}

void StreamReader::read_label() {
  if (raw_.empty()) return;
  const std::string_view label = options_.label;
  if (type_of(raw_[0]) != MessageType::kLabel) {
    if (!label.empty()) return refuse(Drop::kLabel);
    at_label_ = false;
    return;
  }
  if (raw_.size() < 2) return;
  if (label.empty() || static_cast<uint8_t>(raw_[1]) != label.size()) return refuse(Drop::kLabel);
  if (raw_.size() < 2 + label.size()) return;
  if (std::string_view(raw_).substr(2, label.size()) != label) return refuse(Drop::kLabel);
  start_ = 2 + label.size();
  at_label_ = false;
}

void StreamReader::read_frame() {
  if (type_of(raw_[start_]) == MessageType::kEncrypt) return read_encrypted();
  if (!keyring_.empty() && options_.verify_incoming) return refuse(Drop::kPlain);
  read_plain();
}

void StreamReader::read_encrypted() {
  if (keyring_.empty()) return refuse(Drop::kKey);
  const std::string_view frame = std::string_view(raw_).substr(start_);
  if (frame.size() < kStreamHeader) return;
  uint32_t size = 0;
  for (size_t i = 1; i < kStreamHeader; ++i) size = size << 8 | static_cast<uint8_t>(frame[i]);
  if (size > kMaxStream) return refuse(Drop::kOversized);
  if (frame.size() - kStreamHeader < size) return;
  const std::string aad = std::string(frame.substr(0, kStreamHeader)) + options_.label;
  std::string plain;
  if (!decrypt(frame.substr(kStreamHeader, size), keyring_, aad, plain)) {
    return refuse(Drop::kKey);
  }
  raw_ = {};
  take_whole(std::move(plain), false);
}

void StreamReader::read_plain() {
  const std::string_view frame = std::string_view(raw_).substr(start_);
  switch (scanner_.scan(frame)) {
    case StreamMessageScanner::State::kMore:
      return;
    case StreamMessageScanner::State::kRefused:
      return refuse(scanner_.why());
    case StreamMessageScanner::State::kDone:
      break;
  }
  std::string message(frame.substr(0, scanner_.end()));
  raw_ = {};
  take_whole(std::move(message), false);
}

// `message` is plain and all that will come; `compressed`: it came out of a compressed one.
void StreamReader::take_whole(std::string message, bool compressed) {
  StreamMessageScanner scanner;
  const StreamMessageScanner::State found = scanner.scan(message);
  if (found == StreamMessageScanner::State::kRefused) return refuse(scanner.why());
  if (found == StreamMessageScanner::State::kMore) return refuse(Drop::kTruncated);
  if (type_of(message[0]) == MessageType::kCompress) {
    if (compressed) return refuse(Drop::kNested);
    std::string unpacked;
    const std::string_view body = std::string_view(message).substr(1);
    if (!decompress(body, kMaxUnpackedStream, unpacked)) return refuse(Drop::kCompression);
    message = {};
    return take_whole(std::move(unpacked), true);
  }
  message.resize(scanner.end());
  message_ = std::move(message);
  state_ = State::kDone;
}

}  // namespace phoenix::gossip
