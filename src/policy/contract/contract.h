// A contract, ready to be asked: may this handoff be? The answer follows from the contract and from
// the facts that are handed in, and from nothing else; it changes nothing.
//
// Immutable once compiled; any number of threads may ask.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json/json.h"
#include "policy/contract/breach.h"
#include "policy/contract/path.h"
#include "policy/contract/schema.h"
#include "policy/contract/source.h"

namespace phoenix::policy {

using Scopes = std::optional<std::span<const std::string>>;  // none: without bounds

// What a handoff is. Whoever asks has seen to it that it is possible at all.
struct HandoffFacts {
  std::string_view ns;  // the packet's
  std::span<const std::string> requires_capabilities;
  std::string_view giver;
  // Empty: nobody was found, it would wait for somebody.
  std::string_view receiver;
  std::string_view receiver_ns;
  std::span<const std::string> capabilities;  // the receiver's, sorted
  std::span<const std::string> compliance;    // likewise
  uint32_t trust = 0;                         // thousandths, likewise
  uint32_t chain = 1;                         // handoffs of the packet, this one counted
  // What travels; null where nothing does, or no JSON.
  const json::Document* context = nullptr;
  size_t context_bytes = 0;
  Scopes held;   // the giver's
  Scopes given;  // the receiver's; sorted, as all lists of names
  bool approved = false;
};

class Contract {
 public:
  // kInvalidRequest names all faults, with pointers into the contract's JSON.
  static Result<Contract> compile(ContractSource source);

  const ContractSource& source() const { return source_; }
  // Whether it is about that handoff though the packet does not name it.
  bool covers(const HandoffFacts& facts) const;
  // The first thing in which the handoff breaks it; nothing where it keeps it. An approval is asked
  // for last, so whoever approves sees a handoff that is well otherwise.
  std::optional<Refusal> check(const HandoffFacts& facts) const;
  // Whether it asks anything of the receiver, so that there has to be one.
  bool asks_of_receiver() const;

 private:
  std::optional<Refusal> check_parties(const HandoffFacts& facts) const;
  std::optional<Refusal> check_context(const HandoffFacts& facts) const;
  std::optional<Refusal> check_scopes(const HandoffFacts& facts) const;
  bool needs_approval(const HandoffFacts& facts) const;

  ContractSource source_;
  PathSet paths_;  // all of the context that it speaks of, in the order of the source
  std::optional<Schema> schema_;
};

// Holds for every handoff, under a contract or not: nobody gives more than it holds.
std::optional<Refusal> check_narrower(Scopes held, Scopes given);

}  // namespace phoenix::policy
