// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IEvaluatorPool} from "./interfaces/IEvaluatorPool.sol";
import {IMembers} from "./interfaces/IMembers.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {ConsentWord} from "./libraries/ConsentWord.sol";
import {Gwei} from "./libraries/Gwei.sol";
import {Member} from "./libraries/Member.sol";

/// @title Implements IWorkerRegistry.
contract WorkerRegistry is IWorkerRegistry, EIP712 {
    using ConsentWord for Consent;
    using Member for uint256;

    uint256 public constant PEER_ID_BYTES_MAX = 64;
    bytes32 private constant BINDING = keccak256(
        "OperatorBinding(address owner,address operator,uint256 nonce)"
    );

    struct Profile {
        address operator;
        uint32 id;
        uint32 nonce;
        bytes32 x25519Key;
        bytes32 capabilitiesDigest;
        bytes peerId;
    }

    IStaking public immutable staking;
    IEvaluatorPool public immutable pool;
    IMembers public immutable jobManager;
    uint64 public immutable stakeMinGwei;

    uint32 public accountCount;
    /// @dev Member word and consent word: all that a call of an operator needs.
    mapping(address operator => uint256 slot) private _operators;
    mapping(uint32 id => address owner) private _owners;
    /// @dev For whom a key works, or worked first.
    mapping(address operator => uint32 id) private _holders;
    mapping(address owner => Consent) private _consents;
    mapping(address owner => Profile) private _profiles;

    constructor(
        IStaking staking_,
        IEvaluatorPool pool_,
        IMembers jobManager_,
        uint64 stakeMinGwei_
    ) EIP712("Quern", "1") {
        staking = staking_;
        pool = pool_;
        jobManager = jobManager_;
        stakeMinGwei = stakeMinGwei_;
    }

    /// @inheritdoc IWorkerRegistry
    function register(Entry calldata entry, bytes calldata operatorSignature) external returns (uint32 id) {
        uint8 roles = entry.roles;
        if (roles == 0 || roles > (Member.ROLE_WORKER | Member.ROLE_EVALUATOR)) revert BadRoles(roles);
        bool isEvaluator = roles & Member.ROLE_EVALUATOR != 0;
        if (isEvaluator && entry.x25519Key == 0) revert NoX25519Key();
        uint64 active = staking.accountOf(msg.sender).activeGwei;
        if (active < stakeMinGwei) revert StakeTooLow(Gwei.toWei(active), Gwei.toWei(stakeMinGwei));

        Profile storage profile = _profiles[msg.sender];
        _checkOperator(entry.operator, profile.nonce, operatorSignature);
        id = profile.id;
        if (id == 0) {
            id = ++accountCount;
            if (id > Member.ID_MAX) revert RegistryFull();
            profile.id = id;
            _owners[id] = msg.sender;
        }
        uint256 rolesBefore = _operators[profile.operator].roles();
        bool isKeyNew = profile.x25519Key != entry.x25519Key;
        uint256 member = Member.pack(msg.sender, id, roles) | ConsentWord.pack(entry.consent);
        _setMember(profile.operator, entry.operator, member);
        _holders[entry.operator] = id;
        profile.operator = entry.operator;
        profile.x25519Key = entry.x25519Key;
        ++profile.nonce;
        _setProfile(entry.peerId, entry.capabilitiesDigest);
        _consents[msg.sender] = entry.consent;
        emit Registered(msg.sender, entry.operator, id, roles, entry.x25519Key);
        emit ConsentChanged(msg.sender, entry.consent);

        bool wasEvaluator = rolesBefore & Member.ROLE_EVALUATOR != 0;
        if (isEvaluator && (!wasEvaluator || isKeyNew)) pool.seat(msg.sender);
        if (!isEvaluator && wasEvaluator) pool.unseat(msg.sender);
    }

    /// @inheritdoc IWorkerRegistry
    function setConsent(Consent calldata consent) external {
        address operator = _profiles[msg.sender].operator;
        if (operator == address(0)) revert NotRegistered(msg.sender);
        _consents[msg.sender] = consent;
        uint256 slot = _operators[operator];
        uint256 member = Member.pack(msg.sender, slot.id(), slot.roles()) | ConsentWord.pack(consent);
        _setMember(operator, operator, member);
        emit ConsentChanged(msg.sender, consent);
    }

    /// @inheritdoc IWorkerRegistry
    function setProfile(bytes calldata peerId, bytes32 capabilitiesDigest) external {
        if (_profiles[msg.sender].id == 0) revert NotRegistered(msg.sender);
        _setProfile(peerId, capabilitiesDigest);
    }

    /// @inheritdoc IWorkerRegistry
    function bindingNonce(address owner) external view returns (uint256) {
        return _profiles[owner].nonce;
    }

    /// @inheritdoc IWorkerRegistry
    function operatorOf(address operator) external view returns (address owner, uint32 id, uint8 roles) {
        uint256 slot = _operators[operator];
        return (slot.owner(), uint32(slot.id()), uint8(slot.roles()));
    }

    /// @inheritdoc IWorkerRegistry
    function ownerOf(uint32 id) external view returns (address owner) {
        return _owners[id];
    }

    /// @inheritdoc IWorkerRegistry
    function idOf(address owner) external view returns (uint32 id) {
        return _profiles[owner].id;
    }

    /// @inheritdoc IWorkerRegistry
    function entryOf(address owner) external view returns (Entry memory entry) {
        Profile storage profile = _profiles[owner];
        return
            Entry(
                profile.operator,
                uint8(_operators[profile.operator].roles()),
                profile.x25519Key,
                profile.capabilitiesDigest,
                profile.peerId,
                _consents[owner]
            );
    }

    /// @inheritdoc IWorkerRegistry
    function reputationOf(address owner) external view returns (IStaking.Reputation memory reputation) {
        return staking.reputationOf(owner);
    }

    /// @inheritdoc IWorkerRegistry
    function holderOf(address operator) external view returns (uint32 id) {
        return _holders[operator];
    }

    /// @inheritdoc IWorkerRegistry
    function allows(address owner, Demand calldata demand) external view returns (bool) {
        return _consents[owner].allows(demand, (block.timestamp / 1 hours) % 24);
    }

    function _setMember(address operatorBefore, address operator, uint256 member) private {
        if (operatorBefore != operator) delete _operators[operatorBefore];
        _operators[operator] = member;
        jobManager.setMember(operatorBefore, operator, member);
    }

    function _setProfile(bytes calldata peerId, bytes32 capabilitiesDigest) private {
        if (peerId.length > PEER_ID_BYTES_MAX) revert PeerIdTooLong(peerId.length);
        Profile storage profile = _profiles[msg.sender];
        profile.peerId = peerId;
        profile.capabilitiesDigest = capabilitiesDigest;
        emit ProfileChanged(msg.sender, peerId, capabilitiesDigest);
    }

    /// @dev The key must never have worked for anybody else, whose word it gave, and must have agreed.
    function _checkOperator(address operator, uint256 nonce, bytes calldata signature) private view {
        uint32 holder = _holders[operator];
        if (holder != 0 && _owners[holder] != msg.sender) revert OperatorTaken(operator);
        if (operator == msg.sender) return;
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(BINDING, msg.sender, operator, nonce)));
        if (!SignatureChecker.isValidSignatureNowCalldata(operator, digest, signature)) {
            revert BadOperatorSignature();
        }
    }
}
