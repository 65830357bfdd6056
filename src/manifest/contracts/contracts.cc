#include "manifest/contracts/contracts.h"

#include <algorithm>
#include <cmath>

#include "manifest/kinds/schema_subset.h"
#include "policy/contract/contract.h"

namespace phoenix::manifest {
namespace {

using Names = std::vector<std::string>;

Names names_of(const Fields& fields, std::string_view key) {
  Names names = fields.texts(key);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

uint32_t small(std::optional<int64_t> number) { return static_cast<uint32_t>(number.value_or(0)); }

void take_context(const Fields& context, policy::ContractSource& terms) {
  terms.required = names_of(context, "require");
  terms.redacted = names_of(context, "redact");
  for (const Fields& summary : context.objects("summarize")) {
    terms.summarized.push_back(
        {summary.text("path").value_or(""), small(summary.integer("maxBytes"))});
  }
  std::sort(terms.summarized.begin(), terms.summarized.end(),
            [](const auto& one, const auto& other) { return one.path < other.path; });
  if (const auto most = context.integer("maxBytes")) terms.max_bytes = small(most);
}

policy::ContractApproval approval_of(const Fields& fields) {
  policy::ContractApproval approval;
  approval.field = fields.text("field").value_or("");
  approval.above = fields.number("above");
  approval.role = fields.text("role").value_or(approval.role);
  if (const auto after = fields.duration_ms("expiresAfter"))
    approval.expires_seconds = small(*after / 1'000);
  approval.allow_on_expiry = fields.text("onExpiry") == "allow";
  return approval;
}

// "/context/require/0" within the spec: the nearest node that is there.
const Node* node_at(const Node* node, std::string_view pointer) {
  while (node != nullptr && pointer.size() > 1) {
    const size_t end = pointer.find('/', 1);
    const std::string_view key = pointer.substr(1, end == pointer.npos ? end : end - 1);
    const Node* next = node->find(key);
    if (next == nullptr) return node;
    node = next;
    pointer = end == pointer.npos ? std::string_view() : pointer.substr(end);
  }
  return node;
}

// By the check of the document, whose words are about what stands there.
bool is_told(const Findings& findings, const Place& place) {
  return std::any_of(findings.begin(), findings.end(), [&place](const Finding& finding) {
    return finding.is_error() && finding.place.line == place.line &&
           finding.place.column == place.column && *finding.place.file == *place.file;
  });
}

std::string dotted(std::string pointer) {
  std::replace(pointer.begin(), pointer.end(), '/', '.');
  return "spec" + pointer;
}

}  // namespace

policy::ContractSource contract_terms(const Fields& spec) {
  policy::ContractSource terms;
  terms.giver = spec.text("source").value_or("");
  terms.receiver = spec.text("target").value_or("");
  terms.capabilities = names_of(spec, "requiredCapabilities");
  if (const Node* schema = spec.get("validationSchema")) {
    Findings told;  // by the check already
    terms.schema = to_json(sorted(known_keywords(*schema)), spec.yaml(), "", &told);
  }
  if (spec.version() == ApiVersion::kAlpha) {
    terms.any_capability = !terms.capabilities.empty();
    return terms;
  }
  terms.any_capability = spec.text("capabilityMatch") == "any";
  terms.bound_capabilities = names_of(spec.object("appliesTo"), "capabilities");
  terms.compliance = names_of(spec, "requiredCompliance");
  if (const auto score = spec.number("minimumTrustScore")) {
    terms.minimum_trust = static_cast<uint32_t>(std::lround(*score * 1'000));
  }
  terms.namespaces = names_of(spec, "namespaces");
  if (const auto most = spec.integer("maxChainLength")) terms.max_chain = small(most);
  take_context(spec.object("context"), terms);
  if (spec.get("scopes") != nullptr) terms.scopes = names_of(spec, "scopes");
  if (spec.get("approval") != nullptr) terms.approval = approval_of(spec.object("approval"));
  return terms;
}

void check_terms(const policy::ContractSource& terms, const Fields& spec, Findings* findings) {
  // The JSON is what a host takes, so whoever may not send it is told here.
  auto read = policy::contract_from_json(policy::contract_json(terms));
  const auto made = read ? policy::Contract::compile(*std::move(read))
                         : Result<policy::Contract>(tl::unexpected(read.error()));
  if (made) return;
  const auto say = [&](const std::string& pointer, const std::string& detail) {
    const Node* node = node_at(spec.node(), pointer);
    if (node == nullptr || is_told(*findings, node->place)) return;
    findings->push_back({Finding::Weight::kError, node->place, dotted(pointer), "", detail});
  };
  for (const FieldError& fault : made.error().fields) {
    // Of the schema its own check has told, where there is one.
    if (!fault.pointer.starts_with("/validationSchema")) say(fault.pointer, fault.detail);
  }
  if (made.error().fields.empty()) say("", made.error().detail);
}

}  // namespace phoenix::manifest
