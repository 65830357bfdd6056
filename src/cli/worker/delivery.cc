#include "cli/worker/delivery.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes_text.h"
#include "base/key.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::worker {
namespace {

constexpr std::size_t kMessageBytes = 4096;
constexpr std::size_t kMaxJson = std::size_t{1} << 20;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The bytes CMD sees of `name` or `nameBase64`; nullopt if neither is there.
std::optional<std::string> content(const JsonText& packet, const std::string& name,
                                   WorkerCodec codec) {
  const JsonText bytes = packet[name + "Base64"];
  if (bytes.is_string()) return decode_base64(bytes.text());
  const JsonText value = packet[name];
  if (!value.present() || value.is_null()) return std::nullopt;
  if (codec == WorkerCodec::kBytes && value.is_string()) return value.text();
  return std::string(value.raw());
}

void add_text(RunInput& input, const char* name, const JsonText& value) {
  if (value.is_string() && !value.text().empty()) input.env.emplace_back(name, value.text());
}

// At most 4 KiB of the end, not beginning inside a character.
std::string_view message_tail(std::string_view text) {
  if (text.size() > kMessageBytes) text.remove_prefix(text.size() - kMessageBytes);
  for (int i = 0; i < 3 && !text.empty() && (static_cast<unsigned char>(text[0]) & 0xc0U) == 0x80U;
       ++i) {
    text.remove_prefix(1);
  }
  return text;
}

Verdict failure(std::string_view message, std::string_view code) {
  const std::string error =
      "{\"message\":" + quote_json(message) + ",\"code\":" + quote_json(code) + "}";
  return {"fail", ",\"error\":" + error, lineage::sha256(error)};
}

std::string how_it_ended(const RunEnd& end) {
  if (end.exit_code) return "CMD ended with exit status " + std::to_string(*end.exit_code);
  return "CMD was ended by signal " + std::to_string(end.signal);
}

struct Member {
  std::string text;  // with a comma before it
  std::string kept;  // the content as the host keeps it
};
// As text, unless it is none, or its quotes and escapes take it over what a JSON value may have.
Member as_member(const std::string& name, std::string_view bytes) {
  if (valid_utf8(bytes)) {
    std::string text = quote_json(bytes);
    if (text.size() <= kMaxJson) return {",\"" + name + "\":" + text, std::move(text)};
  }
  return {",\"" + name + "Base64\":\"" + base64_text(bytes) + "\"", std::string(bytes)};
}

// The host keeps JSON on one line.
std::string one_line(std::string_view json) {
  std::string text(json);
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  return text;
}

// Of `name` or `nameBase64` as the host keeps it; nullopt if neither is there.
std::optional<Digest> kept_digest(const JsonText& json, const std::string& name) {
  const JsonText bytes = json[name + "Base64"];
  if (bytes.is_string()) return lineage::sha256(decode_base64(bytes.text()).value_or(""));
  const JsonText value = json[name];
  if (!value.present()) return std::nullopt;
  return lineage::sha256(one_line(value.raw()));
}

// Sorted, each once.
std::vector<std::string> names_in(const JsonText& list) {
  std::vector<std::string> names;
  for (const JsonText& name : list.items()) names.push_back(name.text());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// "sha256:" and 64 hexadecimal digits.
std::optional<Digest> digest_in(const JsonText& text) {
  constexpr std::string_view kPrefix = "sha256:";
  const std::string said = text.text();
  Digest digest{};
  if (!said.starts_with(kPrefix) || said.size() != kPrefix.size() + 2 * digest.size()) {
    return std::nullopt;
  }
  const char* at = said.data() + kPrefix.size();
  for (uint8_t& byte : digest) {
    if (std::from_chars(at, at + 2, byte, 16).ptr != at + 2) return std::nullopt;
    at += 2;
  }
  return digest;
}

// The file is an object of the handoff call's own fields; the host judges what is in them.
Verdict handoff_call(std::string_view file) {
  const auto json = JsonText::parse(file);
  if (!json || !json->is_object()) {
    return failure("what CMD wrote to PHOENIX_HANDOFF_OUT is not a JSON object", "invalid-handoff");
  }
  HandoffTerms terms;
  terms.to = (*json)["to"].text();
  terms.required = names_in((*json)["requiredCapabilities"]);
  terms.context = kept_digest(*json, "context");
  if ((*json)["scopes"].is_array()) terms.scopes = names_in((*json)["scopes"]);
  std::string fields;
  for (const auto& [name, value] : json->members()) {
    if (name != "epoch") fields += "," + quote_json(name) + ":" + std::string(value.raw());
  }
  return {"handoff", fields, std::nullopt, std::move(terms)};
}

Verdict complete_call(const RunEnd& end, WorkerCodec codec) {
  if (codec == WorkerCodec::kBytes) {
    Member result = as_member("result", end.output);
    return {"complete", std::move(result.text), lineage::sha256(result.kept)};
  }
  const auto json = JsonText::parse(end.output);
  if (!json) return failure("stdout is not one JSON value (--codec json)", "invalid-result");
  const std::string result = one_line(json->raw());
  return {"complete", ",\"result\":" + result, lineage::sha256(result)};
}

}  // namespace

std::optional<WorkDelivery> read_delivery(const JsonText& json, WorkerCodec codec) {
  const JsonText packet = json["packet"];
  const auto epoch = json["epoch"].integer();
  WorkDelivery out;
  out.packet_id = packet["id"].text();
  if (out.packet_id.empty() || !epoch || *epoch < 1) return std::nullopt;
  out.epoch = static_cast<uint64_t>(*epoch);
  out.contract = digest_in(packet["contractDigest"]);
  out.scopes = names_in(packet["scopes"]);
  RunInput& input = out.input;
  input.packet_id = out.packet_id;
  const int64_t attempts = packet["attempts"].integer().value_or(0);
  input.env = {{"PHOENIX_PACKET_ID", out.packet_id},
               {"PHOENIX_EPOCH", std::to_string(out.epoch)},
               {"PHOENIX_ATTEMPT", std::to_string(attempts + 1)}};
  add_text(input, "PHOENIX_NAMESPACE", packet["namespace"]);
  add_text(input, "PHOENIX_DEADLINE", packet["deadline"]);
  add_text(input, "TRACEPARENT", packet["traceparent"]);
  add_text(input, "TRACESTATE", packet["tracestate"]);
  // An explicit null is a payload too; only its absence is none.
  const JsonText payload = packet["payload"];
  if (payload.is_null() && !packet["payloadBase64"].is_string()) {
    input.stdin_bytes = "null";
  } else {
    input.stdin_bytes = content(packet, "payload", codec).value_or("");
  }
  input.checkpoint = content(packet, "checkpoint", codec);
  input.context = content(packet, "context", codec);
  return out;
}

std::optional<WorkOffer> read_offer(const JsonText& json, std::string_view member) {
  const auto bytes = decode_base64(json["offer"].text());
  const auto envelope = lineage::decode_envelope(bytes.value_or(""));
  if (!envelope || envelope->type != lineage::HandoffOffer::kType) return std::nullopt;
  auto said = lineage::decode<lineage::HandoffOffer>(envelope->payload);
  if (!said || json["member"].text() != member || said->packet != json["packet"].text() ||
      static_cast<int64_t>(said->epoch) != json["epoch"].integer().value_or(-1) ||
      (!said->receiver.empty() && said->receiver != member) ||
      said->context != kept_digest(json, "context")) {
    return std::nullopt;
  }
  WorkOffer offer;
  offer.packet_id = said->packet;
  offer.epoch = said->epoch;
  offer.offered = lineage::sha256(envelope->payload);
  offer.said = *std::move(said);
  return offer;
}

Verdict judge(const RunEnd& end, RunStop stop, const WorkerOptions& options) {
  const std::string_view tail = message_tail(end.error_tail);
  if (end.too_large) {
    return failure("stdout is over --max-result " + std::to_string(options.max_result) + " bytes",
                   "result-too-large");
  }
  if (stop == RunStop::kTimeout) {
    return failure(tail.empty() ? "CMD ran longer than --timeout" : tail, "timeout");
  }
  if (end.exit_code == 0) {
    return end.handoff ? handoff_call(*end.handoff) : complete_call(end, options.codec);
  }
  if (end.exit_code == 75 || stop == RunStop::kDrain) return release_call();
  if (tail.empty()) return failure(how_it_ended(end), "exit-status");
  return failure(tail, "exit-status");
}

Verdict checkpoint_call(std::string_view content, int64_t seq, WorkerCodec codec) {
  const std::string number = ",\"seq\":" + std::to_string(seq);
  if (codec == WorkerCodec::kJson) {
    if (const auto json = JsonText::parse(content)) {
      return {"checkpoint", ",\"checkpoint\":" + std::string(json->raw()) + number};
    }
  }
  return {"checkpoint", as_member("checkpoint", content).text + number};
}

Verdict refused_call(std::string_view message, std::string_view code) {
  return failure(message_tail(message), code);
}

Verdict release_call() { return {"release", ""}; }

std::optional<std::string> decode_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU));
    }
  }
  if (text.size() % 4 == 1) return std::nullopt;
  return out;
}

}  // namespace phoenix::worker
