// Attacks on handoffs: each kind again and again, each with the reason code that it must be refused
// with, none of them committed; and honest handoffs under the same contract, none of them refused.
// Over REST at a running host, which attacks.py does, and at a host's core in this process.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "bench/clock.h"
#include "bench/figures.h"
#include "bench/instant_host.h"
#include "bench/lineage/rows.h"
#include "bench/script.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/statements.h"

namespace phoenix::bench {
namespace {

constexpr const char* kNs = "bench";
constexpr const char* kPool = "pool";
constexpr const char* kContext = R"({"amount":5,"order":7})";
constexpr const char* kMeaning = R"({"constraints":{"currency":"EUR"},"intent":"refund"})";
constexpr const char* kTerms =
    R"({"approval":{"field":"amount","above":100},"context":{"require":["order"]},)"
    R"("maxChainLength":4,"minimumTrustScore":0.8,"scopes":["read","refund"]})";
constexpr uint64_t kGiver = 1;
constexpr uint64_t kFriend = 2;
constexpr uint64_t kDoubtful = 3;

lineage::KeyPair key(uint8_t seed) { return lineage::KeyPair::from_seed(lineage::Seed{seed}); }
NodeConfig config() {
  NodeConfig made;
  made.pool = kPool;
  made.signer = lineage::NamedKeyPair{lineage::KeyRole::kHost, "host", key(9)};
  return made;
}
std::string name_of(uint64_t member) {
  return member == kGiver ? "giver" : member == kFriend ? "friend" : "doubtful";
}

class Ring {
 public:
  Ring() : host_(config()) {
    // The giver signs; for the others their host does.
    MemberRecord giver = record(kGiver);
    giver.public_key = std::string(key(1).public_key().view());
    const std::string proof = lineage::sign(
        key(1), lineage::RegistrationProof{kPool, kNs, "giver", key(1).public_key(), Digest{}});
    host_.attach(kGiver, {giver}, 3'600, {proof});
    host_.attach(kFriend, {record(kFriend)}, 3'600);
    MemberRecord doubtful = record(kDoubtful);
    doubtful.trust = 700;
    host_.attach(kDoubtful, {doubtful}, 3'600);
    ApplyDocuments contract;
    contract.ns = kNs;
    contract.items.push_back({DocumentKind::kContract, "terms", kTerms, std::nullopt});
    order(std::move(contract));
  }

  // "done", or why not.
  std::string run(Caller caller, CommandBody body) {
    Command command;
    command.caller = std::move(caller);
    command.body = std::move(body);
    host_.run(std::move(command));
    const Reply reply = host_.take_reply();
    const auto* error = std::get_if<Error>(&reply.body);
    if (error == nullptr) return "done";
    return error->reason_code.empty() ? std::string(kind_name(error->kind)) : error->reason_code;
  }
  std::string order(CommandBody body) {
    Caller caller;
    caller.principal = "operator";
    caller.is_operator = true;
    return run(std::move(caller), std::move(body));
  }

  // A packet under the contract, in the hands of a member.
  PacketKey packet(uint64_t owner) {
    SubmitItem item;
    item.key = PacketKey(kNs, "p" + std::to_string(++packets_));
    item.id_from = IdSource::kFresh;  // so nobody looks for it in a store
    item.spec = std::make_shared<const PacketSpec>();
    Governed governed;
    governed.contract = "terms";
    governed.scopes = {"read", "refund"};
    governed.semantic = kMeaning;
    item.governed = std::make_shared<const Governed>(std::move(governed));
    const PacketKey made = item.key;
    Submit submit;
    submit.items.emplace_back(std::move(item));
    submit.single = true;
    order(std::move(submit));
    OrderPacket assign;
    assign.order = Order::kAssign;
    assign.key = made;
    assign.to = name_of(owner);
    order(std::move(assign));
    return made;
  }
  Packet head(const PacketKey& key_of_it) const { return *host_.node().find(key_of_it)->head; }

  // The handoff of a packet by its owner, as it should be.
  struct Handoff {
    OwnerCall call;
    lineage::HandoffOffer said;
    uint64_t giver = kGiver;
    lineage::KeyPair signer = key(1);
  };
  Handoff handoff(const PacketKey& of, uint64_t giver, uint64_t to) const {
    const Packet now = head(of);
    Handoff made;
    made.giver = giver;
    made.call.call = Call::kHandoff;
    made.call.key = of;
    made.call.epoch = now.epoch;
    made.call.to = name_of(to);
    made.call.content = std::make_shared<const Content>(Content{true, "", kContext});
    made.said.pool = kPool;
    made.said.ns = kNs;
    made.said.packet = std::string(of.id());
    made.said.epoch = now.epoch;
    made.said.offer = "offer";
    made.said.giver = {name_of(giver), now.owner ? now.owner->incarnation : 0};
    made.said.receiver = name_of(to);
    made.said.expires_at = 4'000'000'000'000;
    made.said.context = lineage::sha256(kContext);
    made.said.contract = host_.node().find(of)->contract;
    made.said.scopes = {"read", "refund"};
    return made;
  }
  std::string give(Handoff handoff) {
    if (handoff.giver == kGiver) {
      handoff.call.statement = lineage::sign(handoff.signer, handoff.said);
    }
    // Another call each time: a repeat of one would get the answer that was kept.
    handoff.call.digest = lineage::sha256(std::to_string(++calls_));
    return run(InstantHost::session_caller(handoff.giver),
               OwnerCalls{{std::move(handoff.call)}, true});
  }
  // Without its owner's word, by an operator.
  void revoke_key() {
    PatchMember patch;
    patch.key = MemberKey(kNs, "giver");
    patch.revoke_key = true;
    order(std::move(patch));
  }
  // Its receiver, a human, says yes to what it is to receive.
  std::string approve_as(const std::string& human) {
    const auto asked = host_.node().documents(DocumentKind::kApproval, kNs);
    if (asked.empty()) return "nothing was asked for";
    Caller caller;
    caller.principal = "token of " + human;
    caller.is_approver = true;
    caller.human = human;
    DecideApproval yes;
    yes.ns = kNs;
    yes.name = asked.back()->key.name;
    yes.approve = true;
    return run(std::move(caller), std::move(yes));
  }
  Duration busy() const { return host_.busy(); }

 private:
  static MemberRecord record(uint64_t number) {
    MemberRecord made;
    made.key = MemberKey(kNs, name_of(number));
    made.max_load = 1'000'000;
    if (number == kFriend) made.kind = MemberKind::kHuman;
    return made;
  }

  InstantHost host_;
  uint64_t packets_ = 0;
  uint64_t calls_ = 0;
};

struct Attack {
  const char* what;
  const char* code;
  std::function<std::string(Ring&, const PacketKey&)> run;
};

// The giver's own handoff to its friend, changed.
template <class F>
auto changed(F change) {
  return [change](Ring& ring, const PacketKey& packet) {
    Ring::Handoff handoff = ring.handoff(packet, kGiver, kFriend);
    change(handoff);
    return ring.give(std::move(handoff));
  };
}

std::vector<Attack> attacks() {
  return {
      {"forged owner", "not-owner",
       [](Ring& ring, const PacketKey& packet) {
         return ring.give(ring.handoff(packet, kDoubtful, kFriend));
       }},
      {"replayed offer", "stale-offer", changed([](auto& of) { of.said.epoch -= 1; })},
      {"stale epoch", "stale-epoch",
       changed([](auto& of) { of.said.epoch = of.call.epoch = of.call.epoch - 1; })},
      {"unknown parent leg", "unknown-leg",
       changed([](auto& of) { of.said.epoch = of.call.epoch = of.call.epoch + 5; })},
      {"widened scope", "widened-scope",
       changed([](auto& of) { of.said.scopes = {"pay", "read"}; })},
      {"dropped constraint", "dropped-constraint",
       changed([](auto& of) { of.call.semantic = R"({"intent":"refund"})"; })},
      {"cross-namespace target", "cross-namespace",
       changed([](auto& of) { of.call.to = "elsewhere/friend"; })},
      {"altered context", "altered-context", changed([](auto& of) {
         of.call.content =
             std::make_shared<const Content>(Content{true, "", R"({"amount":5,"order":8})"});
       })},
      {"receiver below the trust floor", "below-trust-floor",
       [](Ring& ring, const PacketKey& packet) {
         return ring.give(ring.handoff(packet, kGiver, kDoubtful));
       }},
      {"self-approval", "own-approval",
       [](Ring& ring, const PacketKey& packet) {
         Ring::Handoff handoff = ring.handoff(packet, kGiver, kFriend);
         const char* context = R"({"order":7,"amount":500})";
         handoff.call.content = std::make_shared<const Content>(Content{true, "", context});
         handoff.said.context = lineage::sha256(context);
         const std::string answer = ring.give(std::move(handoff));
         return answer == "approval-required" ? ring.approve_as("friend") : answer;
       }},
  };
}

struct Count {
  int tried = 0;
  int committed = 0;
  int otherwise = 0;  // refused, with another code
};

// Again and again, on one packet that must stay as it is.
void attack(Ring& ring, const Attack& kind, int times, const PacketKey& packet, Count* count) {
  const Packet before = ring.head(packet);
  for (int i = 0; i < times; ++i) {
    ++count->tried;
    if (kind.run(ring, packet) != kind.code) ++count->otherwise;
  }
  const Packet after = ring.head(packet);
  if (after.revision != before.revision || after.owner != before.owner) ++count->committed;
}

// Back and forth, so that the giver has it again, a few epochs later.
PacketKey travelled(Ring& ring, int handoffs, Count* count) {
  const PacketKey packet = ring.packet(kGiver);
  for (int i = 0; i < handoffs; ++i) {
    const uint64_t giver = i % 2 == 0 ? kGiver : kFriend;
    if (ring.give(ring.handoff(packet, giver, giver == kGiver ? kFriend : kGiver)) != "done") {
      ++count->otherwise;
    }
  }
  return packet;
}

// What came of attacks and of honest handoffs, as figures.
void tell(const std::string& where, const Count& count, int kinds, int honest, int refused,
          const char* each, double value, Figures& figures) {
  figures.push_back({7,
                     "attacks on handoffs " + where + " that are committed",
                     static_cast<double>(count.committed),
                     "packets",
                     {Bar::Op::kAtMost, 0},
                     {{"attacks", count.tried}, {"kinds", kinds}}});
  figures.push_back({7,
                     "attacks " + where + " refused with another reason code than their own",
                     static_cast<double>(count.otherwise),
                     "attacks",
                     {Bar::Op::kAtMost, 0},
                     {}});
  figures.push_back({7,
                     "honest handoffs " + where + " that are refused",
                     static_cast<double>(refused),
                     "handoffs",
                     {Bar::Op::kAtMost, 0},
                     {{"handoffs", honest}, {each, value}}});
}

Result<bool> attack_core(bool quick, Figures& figures) {
  const int times = quick ? 5 : 100;
  Ring ring;
  Count count;
  int kinds = 0;
  for (const Attack& kind : attacks()) {
    attack(ring, kind, times, travelled(ring, 2, &count), &count);
    ++kinds;
  }
  const Attack chain = {"over-long chain", "chain-too-long",
                        changed([](auto& of) { of.said.offer = "offer-2"; })};
  attack(ring, chain, times, travelled(ring, 4, &count), &count);
  // Honest ones, before the giver's key is revoked.
  const int honest = quick ? 50 : 1'000;
  int refused = 0;
  const Duration begin = ring.busy();
  for (int i = 0; i < honest; i += 4) {
    Count whole;
    travelled(ring, 4, &whole);
    refused += whole.otherwise;
  }
  const double micros = in_micros(ring.busy() - begin) / honest;
  const PacketKey last = travelled(ring, 2, &count);
  ring.revoke_key();
  attack(ring, {"revoked key", "revoked-key", changed([](auto&) {})}, times, last, &count);
  kinds += 2;
  tell("at the core", count, kinds, honest, refused, "core us each", micros, figures);
  return true;
}

Result<bool> attack_host(const LineageBench& options, Figures& figures) {
  const Words sizes = options.quick ? Words{"3", "20"} : Words{"100", "1000"};
  const auto lines = run_script(options.program, PHOENIX_ATTACKS, sizes);
  if (!lines) return tl::unexpected(lines.error());
  Count count;
  int kinds = 0;
  for (const Words& line : *lines) {
    if (line.front() != "kind") continue;
    ++kinds;
    count.tried += static_cast<int>(number_after(line, "tried"));
    count.otherwise += static_cast<int>(number_after(line, "otherwise"));
    count.committed += static_cast<int>(number_after(line, "committed"));
  }
  const auto honest = std::find_if(lines->begin(), lines->end(),
                                   [](const Words& line) { return line.front() == "honest"; });
  if (kinds != 12 || honest == lines->end()) {
    return fail(ErrorKind::kInternal, "attacks.py was cut short");
  }
  tell("over REST", count, kinds, static_cast<int>(number_after(*honest, "tried")),
       static_cast<int>(number_after(*honest, "refused")), "ms each", number_after(*honest, "ms"),
       figures);
  return true;
}

}  // namespace

Result<bool> attack_rows(const LineageBench& options, Figures& figures) {
  if (auto done = attack_host(options, figures); !done) return done;
  return attack_core(options.quick, figures);
}

}  // namespace phoenix::bench
