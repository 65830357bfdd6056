#include "bench/lineage/pair/rest_member.h"

#include <sys/time.h>

#include <optional>
#include <utility>

#include "base/bytes_text.h"
#include "base/json/json.h"
#include "base/json/json_writer.h"
#include "bench/clock.h"
#include "bench/lineage/pair/pair_key.h"
#include "client/http_client.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/statements.h"

namespace phoenix::bench {
namespace {

constexpr const char* kNs = "default";

WallMs wall_now() {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  return WallMs{now.tv_sec} * 1'000 + now.tv_usec / 1'000;
}

Error refusal(const CallResult& answer) {
  const std::string why = answer ? answer->body : answer.error().detail;
  return {.kind = ErrorKind::kInternal, .detail = "a call was refused: " + why.substr(0, 400)};
}

// Of an object; empty where it has no such text.
std::string text_of(const json::Value& object, std::string_view name) {
  const auto value = object.find(name);
  return value && value->kind() == json::Kind::kString ? value->string() : std::string();
}

uint64_t number_of(const json::Value& object, std::string_view name) {
  const auto value = object.find(name);
  const auto number = value ? json::exact_integer(value->raw()) : std::nullopt;
  return static_cast<uint64_t>(number.value_or(0));
}

class Member final : public RestMember {
 public:
  Member(Client client, std::string id, const std::string& partner)
      : client_(std::move(client)),
        id_(std::move(id)),
        partner_(partner),
        key_(pair_key(id_)),
        partner_key_(pair_key(partner).public_key()),
        partner_key_id_(partner_key_.id()) {}

  Result<bool> enter() {
    const std::string fields =
        "\"id\":\"" + id_ + "\",\"capabilities\":[\"work\"],\"maxLoad\":1000000," +
        "\"leaseSeconds\":3600,\"publicKey\":\"" + base64_text(key_.public_key().view()) + "\"";
    const CallResult asked = client_.post("/v1/members", "{" + fields + "}");
    const auto problem =
        asked ? json::Document::parse(asked->body) : tl::unexpected(refusal(asked));
    if (!problem) return tl::unexpected(problem.error());
    pool_ = text_of(problem->root(), "pool");
    const auto challenge = base64_bytes(text_of(problem->root(), "challenge"));
    if (!challenge || challenge->size() != Digest{}.size()) return tl::unexpected(refusal(asked));
    lineage::RegistrationProof said{pool_, kNs, id_, key_.public_key(), Digest{}};
    std::copy(challenge->begin(), challenge->end(), said.challenge.begin());
    const CallResult made =
        client_.post("/v1/members", "{" + fields + ",\"proof\":\"" +
                                        base64_text(lineage::sign(key_, said)) + "\"}");
    if (!made || !made->ok()) return tl::unexpected(refusal(made));
    const auto body = json::Document::parse(made->body);
    const auto session = body ? body->root().find("session") : std::nullopt;
    if (!session) return tl::unexpected(refusal(made));
    token_ = text_of(*session, "token");
    incarnation_ = number_of(*session, "incarnation");
    return true;
  }

  Result<bool> make_packets(const std::vector<std::string>& ids) override {
    for (size_t first = 0; first < ids.size(); first += 100) {
      std::string many;
      for (size_t i = first; i < std::min(ids.size(), first + 100); ++i) {
        many += (many.empty() ? "[" : ",") + ("{\"id\":\"" + ids[i]) +
                "\",\"requiredCapabilities\":[\"work\"]}";
      }
      const CallResult made = client_.post("/v1/packets", many + "]");
      if (!made || !made->ok()) return tl::unexpected(refusal(made));
    }
    return take(ids.size());
  }

  Result<bool> await_member(const std::string& id) override {
    for (int i = 0; i < 1'000; ++i) {
      const CallResult answer = client_.get("/v1/members/" + id);
      if (answer && answer->ok()) return true;
    }
    return fail(ErrorKind::kInternal, "a host does not hear of the other one's member");
  }

  Result<std::vector<double>> hand_off_all(const std::vector<std::string>& packets,
                                           size_t context_bytes) override {
    const std::string context = "{\"text\":\"" + std::string(context_bytes - 11, 'c') + "\"}";
    std::vector<double> millis;
    for (const std::string& packet : packets) {
      const Duration begin = wall_clock();
      if (auto done = hand_off(packet, context); !done) return tl::unexpected(done.error());
      millis.push_back(in_micros(wall_clock() - begin) / 1e3);
    }
    return millis;
  }

  void accept_all() override {
    std::string after;
    for (;;) {
      const std::string target = "/v1/members/" + id_ + "/deliveries?max=1000&waitMs=2000" +
                                 (after.empty() ? "" : "&after=" + after);
      const CallResult answer = client_.call(call("GET", target, {}));
      const auto page =
          answer ? json::Document::parse(answer->body) : tl::unexpected(refusal(answer));
      if (!page || !answer->ok()) return;
      after = text_of(page->root(), "next");
      const auto offers = page->root().find("offers");
      if (!offers) continue;
      for (auto each = offers->children(); !each.done();) accept(each.take());
    }
  }

 private:
  Result<bool> hand_off(const std::string& packet, const std::string& context) {
    lineage::HandoffOffer said;
    said.pool = pool_;
    said.ns = kNs;
    said.packet = packet;
    said.epoch = 1;
    said.offer = "offer";
    said.giver = {id_, incarnation_};
    said.receiver = partner_;
    said.expires_at = wall_now() + 60'000;
    said.context = lineage::sha256(context);
    std::string body = "{\"epoch\":1,\"to\":\"" + partner_ + "\",\"context\":" + context +
                       ",\"signature\":\"" + base64_text(lineage::sign(key_, said)) + "\"}";
    const CallResult answer =
        client_.call(call("POST", "/v1/packets/" + packet + "/handoff", std::move(body)));
    if (!answer || !answer->ok()) return tl::unexpected(refusal(answer));
    return true;
  }

  Call call(std::string method, std::string target, std::string body) const {
    Call made;
    made.method = std::move(method);
    made.target = std::move(target);
    made.body = std::move(body);
    made.token = token_;
    made.wait = milliseconds(2'000);
    return made;
  }
  // Until so many have been delivered.
  Result<bool> take(size_t wanted) {
    size_t taken = 0;
    std::string after;
    while (taken < wanted) {
      const std::string target = "/v1/members/" + id_ + "/deliveries?max=1000&waitMs=2000" +
                                 (after.empty() ? "" : "&after=" + after);
      const CallResult answer = client_.call(call("GET", target, {}));
      const auto page =
          answer ? json::Document::parse(answer->body) : tl::unexpected(refusal(answer));
      const auto items = page ? page->root().find("deliveries") : std::nullopt;
      if (!items) return tl::unexpected(refusal(answer));
      after = text_of(page->root(), "next");
      taken += items->size();
    }
    return true;
  }
  void accept(const json::Value& asked) {
    const auto offer = base64_bytes(text_of(asked, "offer"));
    const auto context = asked.find("context");
    if (!offer || !context) return;
    const auto find = [this](std::string_view id) {
      return id == partner_key_id_ ? &partner_key_ : nullptr;
    };
    const auto opened = lineage::open<lineage::HandoffOffer>(*offer, find);
    if (!opened) return;
    const lineage::HandoffOffer& said = opened->statement;
    const Digest digest = lineage::sha256(context->raw());
    if (said.receiver != id_ || said.context != digest) return;
    const std::string signature =
        lineage::sign(key_, lineage::HandoffAcceptance{said.pool,
                                                       said.ns,
                                                       said.packet,
                                                       said.epoch,
                                                       lineage::sha256(opened->payload),
                                                       {id_, incarnation_},
                                                       digest,
                                                       wall_now()});
    std::string body = "{\"epoch\":" + std::to_string(said.epoch) + ",\"signature\":\"" +
                       base64_text(signature) + "\"}";
    (void)client_.call(call("POST", "/v1/packets/" + said.packet + "/accept", std::move(body)));
  }

  Client client_;
  std::string id_;
  std::string partner_;
  lineage::KeyPair key_;
  lineage::PublicKey partner_key_;
  std::string partner_key_id_;
  std::string pool_;
  std::string token_;
  uint64_t incarnation_ = 0;
};

}  // namespace

Result<std::unique_ptr<RestMember>> RestMember::join(const std::string& url, const std::string& id,
                                                     const std::string& partner) {
  ClientOptions options;
  options.urls = {url};
  auto client = Client::create(options);
  if (!client) return tl::unexpected(client.error());
  auto member = std::make_unique<Member>(std::move(*client), id, partner);
  if (auto entered = member->enter(); !entered) return tl::unexpected(entered.error());
  return std::unique_ptr<RestMember>(std::move(member));
}

}  // namespace phoenix::bench
