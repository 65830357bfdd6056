// The contracts in force, compiled, and which of them a packet goes by: the one that it names, and
// those that are bound to what it requires. Those between two members count beside them, where
// these two hand over. Pure memory; single-threaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "directory/document.h"
#include "packet/packet.h"
#include "policy/contract/contract.h"

namespace phoenix {

class ContractBook {
 public:
  struct InForce {
    std::string name;
    Digest digest{};  // of its text
    // Absent: the text says nothing that this version can check, so nothing keeps it.
    std::optional<policy::Contract> contract;
  };

  // Requires: it is of kind contract.
  void change(const Document& document);
  bool empty() const { return namespaces_.empty(); }

  // Null: there is none of that name.
  const InForce* find(std::string_view ns, std::string_view name) const;
  // What the packet goes by, whoever gives and takes it: one digest, of several contracts that over
  // theirs in the order of their names. kUnknownContract: it names one that is not in force.
  tl::expected<std::optional<Digest>, policy::Refusal> digest_of(const Packet& head) const;
  struct Broken {
    policy::Refusal refusal;
    const InForce* by = nullptr;  // null: the packet names one that is not in force
  };
  // Whether somebody has approved the handoff where that contract asks for it.
  using Approved = std::function<bool(const InForce&)>;
  // The first thing in which a handoff breaks what holds for it. `approved` of the facts is not
  // looked at.
  std::optional<Broken> check(const Packet& head, policy::HandoffFacts facts,
                              const Approved& approved) const;

  // The one form of a contract's text; kInvalidRequest names all that is wrong with it.
  static Result<std::string> canonical(std::string_view text);

 private:
  using Namespace = std::map<std::string, InForce, std::less<>>;
  // Empty: the packet names one that is not in force.
  std::optional<std::vector<const InForce*>> of(const Packet& head) const;

  std::map<std::string, Namespace, std::less<>> namespaces_;  // none empty
};

}  // namespace phoenix
