// A contract, a line feed, a context: the contract is refused or has one canonical form, and the
// check of the context ends, twice with the same answer. Both as semantic sections too.
#include <cstdint>
#include <cstdlib>

#include "policy/contract/contract.h"
#include "policy/contract/semantic.h"

namespace phoenix::policy {
namespace {

void try_contract(std::string_view text, std::string_view context) {
  const auto source = contract_from_json(text);
  if (!source) return;
  const std::string canonical = contract_json(*source);
  const auto again = contract_from_json(canonical);
  if (!again || *again != *source || contract_json(*again) != canonical) abort();
  const auto contract = Contract::compile(*source);
  if (!contract) return;
  HandoffFacts facts;
  facts.ns = "ns";
  facts.giver = "a";
  facts.receiver = "b";
  facts.context_bytes = context.size();
  const auto document = json::Document::parse(context);
  if (document) facts.context = &*document;
  if (contract->check(facts) != contract->check(facts)) abort();
}

void try_semantic(std::string_view before, std::string_view after) {
  const auto was = canonical_semantic(before);
  if (!was) return;
  const auto again = canonical_semantic(*was);
  if (!again || *again != *was) abort();
  if (check_semantic(*was, *again)) abort();
  check_evidence(*was, after);
  const auto is = canonical_semantic(after);
  if (is && check_semantic(*was, *is) != check_semantic(*was, *is)) abort();
}

}  // namespace
}  // namespace phoenix::policy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  const std::string_view first = input.substr(0, line);
  const std::string_view second = line == input.npos ? std::string_view() : input.substr(line + 1);
  phoenix::policy::try_contract(first, second);
  phoenix::policy::try_semantic(first, second);
  return 0;
}
