#include "membership/wire/packet.h"

#include <array>

#include "membership/wire/crc32.h"
#include "membership/wire/lzw.h"
#include "membership/wire/messages.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kCompoundHeader = 2;  // type and count
constexpr size_t kChecksumHeader = 5;  // type and sum
constexpr size_t kLabelHeader = 2;     // type and length
constexpr size_t kStreamHeader = 5;    // type and length of what is encrypted
constexpr uint8_t kLzw = 0;            // the one algorithm there is
// Packing takes its own map of 15 bytes; below this it cannot gain anything.
constexpr size_t kLeastToCompress = 48;

MessageType type_of(std::string_view message) {
  return static_cast<MessageType>(static_cast<uint8_t>(message[0]));
}

uint32_t u32_at(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

void append_u32(std::string& out, size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void append_label(std::string& out, std::string_view label) {
  if (label.empty()) return;
  out.push_back(static_cast<char>(MessageType::kLabel));
  out.push_back(static_cast<char>(label.size()));
  out.append(label);
}

// Whether what no key opens was sealed with another one, or not at all, so that whoever set a key
// on one side only is told so. The version byte is 0 or 1, and so is the type byte of pings.
bool looks_sealed(std::string_view datagram) {
  if (datagram.size() < kSealOverhead) return false;
  Ping ping;
  IndirectPing indirect;
  switch (static_cast<uint8_t>(datagram[0])) {
    case 0:
      return !decode(datagram.substr(1), ping) || ping.node.empty();
    case 1:
      return !decode(datagram.substr(1), indirect) || indirect.node.empty();
    default:
      return false;
  }
}

// Takes the layers of one datagram off, outside in.
class Opener {
 public:
  Opener(const FrameOptions& options, const Keyring& keyring, OpenedPacket& out)
      : options_(options), keyring_(keyring), out_(out) {}

  Drop open(std::string_view datagram) {
    if (datagram.empty()) return Drop::kEmpty;
    if (!take_label(datagram)) return Drop::kLabel;
    if (!keyring_.empty() && !take_cipher(datagram)) return why_;
    if (datagram.empty()) return Drop::kEmpty;
    if (type_of(datagram) == MessageType::kHasCrc) {
      if (datagram.size() < kChecksumHeader) return Drop::kChecksum;
      const uint32_t sum = u32_at(datagram, 1);
      datagram.remove_prefix(kChecksumHeader);
      if (crc32(datagram) != sum) return Drop::kChecksum;
    }
    dispatch(datagram, 0);
    return why_;
  }

 private:
  bool take_label(std::string_view& datagram) const {
    const std::string_view label = options_.label;
    if (type_of(datagram) != MessageType::kLabel) return label.empty();
    datagram.remove_prefix(1);
    if (datagram.empty() || label.empty()) return false;
    if (static_cast<uint8_t>(datagram[0]) != label.size()) return false;
    datagram.remove_prefix(1);
    if (!datagram.starts_with(label)) return false;
    datagram.remove_prefix(label.size());
    return true;
  }

  bool take_cipher(std::string_view& datagram) {
    std::string& plain = out_.unpacked.emplace_back();
    if (decrypt(datagram, keyring_, options_.label, plain)) {
      datagram = plain;
      return true;
    }
    out_.unpacked.pop_back();
    if (!options_.verify_incoming) return true;
    why_ = looks_sealed(datagram) ? Drop::kKey : Drop::kPlain;
    return false;
  }

  void note(Drop why) {
    if (why_ == Drop::kNone) why_ = why;
  }

  void dispatch(std::string_view message, int depth) {
    if (message.empty()) return note(Drop::kEmpty);
    switch (type_of(message)) {
      case MessageType::kPing:
      case MessageType::kIndirectPing:
      case MessageType::kAck:
      case MessageType::kSuspect:
      case MessageType::kAlive:
      case MessageType::kDead:
      case MessageType::kUser:
      case MessageType::kNack:
        if (out_.messages.size() == kMaxMessages) return note(Drop::kNested);
        out_.messages.push_back(message);
        return;
      case MessageType::kCompound:
        if (depth == kMaxDepth) return note(Drop::kNested);
        return take_apart(message.substr(1), depth + 1);
      case MessageType::kCompress:
        if (depth == kMaxDepth) return note(Drop::kNested);
        return unpack(message.substr(1), depth + 1);
      default:
        return note(Drop::kUnknownType);
    }
  }

  void take_apart(std::string_view body, int depth) {
    if (body.empty()) return note(Drop::kTruncated);
    const size_t parts = static_cast<uint8_t>(body[0]);
    body.remove_prefix(1);
    if (body.size() < 2 * parts) return note(Drop::kTruncated);
    const std::string_view lengths = body.substr(0, 2 * parts);
    body.remove_prefix(2 * parts);
    for (size_t i = 0; i < parts; ++i) {
      const size_t size = static_cast<size_t>(static_cast<uint8_t>(lengths[2 * i])) << 8 |
                          static_cast<uint8_t>(lengths[2 * i + 1]);
      if (size > body.size()) return note(Drop::kTruncated);
      dispatch(body.substr(0, size), depth);
      body.remove_prefix(size);
    }
  }

  void unpack(std::string_view body, int depth) {
    std::string& plain = out_.unpacked.emplace_back();
    const bool unpacked = decompress(body, room_, plain);
    room_ -= plain.size();  // also for what failed: the work has been done
    if (unpacked) return dispatch(plain, depth);
    out_.unpacked.pop_back();
    note(Drop::kCompression);
  }

  const FrameOptions& options_;
  const Keyring& keyring_;
  OpenedPacket& out_;
  size_t room_ = kMaxUnpackedDatagram;
  Drop why_ = Drop::kNone;
};

}  // namespace

std::string_view drop_name(Drop drop) {
  static constexpr std::array<std::string_view, kDrops> kDropNames = {
      "none",        "empty",     "label",  "plain",     "key",          "checksum",
      "compression", "truncated", "nested", "malformed", "unknown-type", "oversized"};
  return kDropNames[static_cast<size_t>(drop)];
}

size_t payload_budget(const FrameOptions& options, const Keyring& keyring) {
  size_t taken = kCompoundHeader + kChecksumHeader;
  if (!options.label.empty()) taken += kLabelHeader + options.label.size();
  if (!keyring.empty() && options.verify_outgoing) taken += kSealOverhead;
  return kMaxDatagram - taken;
}

std::string compress(std::string_view message) {
  std::string out(1, static_cast<char>(MessageType::kCompress));
  GoWriter writer(out);
  writer.map(2);
  writer.str("Algo");
  writer.uint(kLzw);
  writer.str("Buf");
  writer.bytes(lzw_compress(message));
  return out;
}

bool decompress(std::string_view body, size_t limit, std::string& message) {
  static constexpr std::array<std::string_view, 2> kFields = {"Algo", "Buf"};
  GoReader in(body);
  uint64_t algorithm = kLzw;
  std::string_view packed;
  const bool read = read_struct(in, kFields, [&](size_t field) {
    if (field == 0) algorithm = in.uint(UINT8_MAX);
    if (field == 1) packed = in.str();
  });
  return read && algorithm == kLzw && lzw_decompress(packed, limit, message);
}

std::string seal_packet(const std::vector<std::string_view>& messages, bool checksum,
                        const FrameOptions& options, const Keyring& keyring, Nonces& nonces) {
  std::string body =
      messages.size() == 1 ? std::string(messages.front()) : encode_compound(messages);
  if (options.compress && body.size() >= kLeastToCompress) {
    std::string packed = compress(body);
    if (packed.size() < body.size()) body = std::move(packed);
  }
  const bool sealed = !keyring.empty() && options.verify_outgoing;
  if (!sealed && !checksum && options.label.empty()) return body;
  std::string framed;
  framed.reserve(body.size() + kChecksumHeader + kLabelHeader + options.label.size());
  if (!sealed) append_label(framed, options.label);
  if (checksum) {
    framed.push_back(static_cast<char>(MessageType::kHasCrc));
    append_u32(framed, crc32(body));
  }
  framed.append(body);
  if (!sealed) return framed;
  const std::string cipher = encrypt(framed, keyring.primary(), options.label, nonces.next());
  if (cipher.empty()) return {};
  std::string out;
  append_label(out, options.label);
  return out.append(cipher);
}

Drop open_packet(std::string_view datagram, const FrameOptions& options, const Keyring& keyring,
                 OpenedPacket& out) {
  out.clear();
  return Opener(options, keyring, out).open(datagram);
}

std::string seal_stream(std::string_view message, const FrameOptions& options,
                        const Keyring& keyring, Nonces& nonces, bool labelled) {
  std::string body = options.compress ? compress(message) : std::string(message);
  std::string out;
  if (labelled) append_label(out, options.label);
  if (keyring.empty() || !options.verify_outgoing) return out.append(body);
  std::string header(1, static_cast<char>(MessageType::kEncrypt));
  append_u32(header, body.size() + kSealOverhead);
  static_assert(kStreamHeader == 1 + sizeof(uint32_t));
  const std::string cipher =
      encrypt(body, keyring.primary(), header + options.label, nonces.next());
  if (cipher.empty()) return {};
  return out.append(header).append(cipher);
}

}  // namespace phoenix::gossip
