// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHolds} from "./IHolds.sol";
import {IOpVerifier} from "./IOpVerifier.sol";

/// @title Anyone proves that a signed claim about training is wrong.
/// @notice A claim says that so many local steps lead from one leaf to another (compute/train/commit.ts). The game goes
/// from its steps to the tensors of one step, to one leaf of one tensor, to one element, to at most 64 terms of its sum,
/// which the verifier computes again. At each level the asserter says what lies between, and the challenger points
/// at the first part that it holds for wrong. Nobody votes: whoever is right wins, and whoever is silent loses.
/// EIP-712 domain: name "Quern", version "1". Type: Claim(bytes32 jobId,uint32 attempt,uint32 segment,uint32 round,
/// address asserter,address client,uint64 steps,bytes32 startLeaf,bytes32 endLeaf,bytes32 programRoot,
/// bytes32 batchRoot,uint64 validUntil), signed by the asserter.
interface IDisputeGame is IHolds {
    /// @param client who is harmed where the claim is wrong
    /// @param steps local steps between the leaves, at least 1
    /// @param programRoot root over how each tensor of a step is computed (compute/transcript)
    /// @param batchRoot list root over what each step was given beside its state: rates, keys of random streams, rows
    /// @param validUntil unix seconds until which it may be disputed
    struct Claim {
        bytes32 jobId;
        uint32 attempt;
        uint32 segment;
        uint32 round;
        address asserter;
        address client;
        uint64 steps;
        bytes32 startLeaf;
        bytes32 endLeaf;
        bytes32 programRoot;
        bytes32 batchRoot;
        uint64 validUntil;
    }

    /// @notice What the game waits for: the asserter where the name begins with Split or Open, else the challenger.
    enum Phase {
        None,
        SplitSteps,
        PickStep,
        OpenStep,
        SplitTensors,
        PickTensor,
        OpenTensor,
        OpenNode,
        PickNode,
        OpenLeaf,
        PickElement,
        OpenElement,
        SplitSlice,
        PickSlice,
        Over
    }

    /// @notice Where a dispute stands. The contract keeps its hash; each move brings it along.
    /// @param low what both agree on begins here: a step, a tensor, a term
    /// @param high what the challenger disputes ends here
    /// @param claims keccak256 of what the asserter says of `low` and `high`, or while the challenger picks of all between
    /// @param prefix root over the tensors before the disputed one
    /// @param node the disputed node of the tensor's tree
    /// @param height of the node above the leaves
    /// @param place of the node among those of its height, then the disputed element
    /// @param sizeBytes of the tensor
    /// @param entry of the tensor
    /// @param value bits that the asserter says of the element
    struct Position {
        Phase phase;
        uint64 low;
        uint64 high;
        bytes32 claims;
        bytes32 prefix;
        bytes32 node;
        uint64 height;
        uint64 place;
        uint64 sizeBytes;
        uint64 entry;
        uint32 value;
    }

    /// @notice How a tensor is computed; its SHA-256 is a leaf of the program.
    struct Entry {
        IOpVerifier.Task task;
        uint256 size;
        uint256[] operands;
    }

    /// @notice A leaf of a segment before hashing.
    /// @param folded root of the folded gradients, and `lossBits` the loss: what the transcript binds
    struct StepLeaf {
        bytes32 p;
        bytes32 m;
        bytes32 v;
        uint64 step;
        bytes32 folded;
        uint32 lossBits;
    }

    /// @notice What both sides must say of a step before its tensors: its two leaves, and two trees that match them.
    /// @param transcript of the leaf before the step
    /// @param given tensors at the start that nobody computes
    /// @param total tensors
    /// @param lossEntry the tensor that is the loss
    /// @param before root over the given tensors
    /// @param result root over all tensors
    /// @param batch root over the given tensors without the state, the leaf of the step in the claim's `batchRoot`
    /// @param paths of p, m and v, each put into the tree over what was given before it, from `batch` to `before`; of p, m, v
    /// after the step, the folded gradients and the loss under `result` (m and v where they are carried); then of
    /// the last given tensor and of the loss in the program; then of `batch` in the claim's root
    struct StepOpening {
        StepLeaf start;
        bytes32 transcript;
        StepLeaf end;
        uint64 given;
        uint64 total;
        uint64 lossEntry;
        bytes32 before;
        bytes32 result;
        uint256 lastGivenSize;
        bytes32 batch;
        Entry loss;
        bytes32[][] paths;
    }

    /// @notice The disputed tensor.
    /// @param claims roots over the tensors without and with it
    /// @param top hash under the tensor's root
    /// @param total tensors of the program
    /// @param path of the tensor in the tree of tensors, and `programPath` of `entry` in the program
    struct TensorOpening {
        bytes32[2] claims;
        bytes32 top;
        uint64 total;
        Entry entry;
        bytes32[] path;
        bytes32[] programPath;
    }

    /// @notice The state in which the computation of the disputed element ends.
    struct ElementOpening {
        IOpVerifier.State result;
        uint64 total;
        Entry entry;
        bytes32[] programPath;
    }

    /// @notice A whole leaf of an operand with the paths to it.
    /// @param root of the operand's tensor
    /// @param entryPath of the root under the tensors before the disputed one
    /// @param path of the leaf in the tensor
    struct Opening {
        uint256 operand;
        uint256 index;
        bytes words;
        bytes32 root;
        uint64 sizeBytes;
        bytes32[] entryPath;
        bytes32[] path;
    }

    /// @param result hash of the state that the asserter says is behind the terms
    struct Slice {
        Entry entry;
        bytes32[] programPath;
        uint64 total;
        IOpVerifier.State before;
        bytes32 result;
        Opening[] openings;
    }

    event Deposited(address indexed account, uint256 amountWei);
    event ThawStarted(address indexed account, uint256 amountWei, uint256 readyAt);
    event Withdrawn(address indexed account, uint256 amountWei);
    event Burned(uint256 amountWei);
    event Disputed(bytes32 indexed id, address indexed asserter, address indexed challenger, Claim claim);
    event Moved(bytes32 indexed id, Position position);
    /// @notice What the asserter says of the places between.
    event Split(bytes32 indexed id, bytes32[] claims);
    /// @notice Children of a node, or the hashes of the states between which an element is computed.
    event Opened(bytes32 indexed id, bytes32[] children);
    event LeafOpened(bytes32 indexed id, bytes words);
    event Decided(
        bytes32 indexed id,
        address indexed winner,
        address indexed loser,
        uint256 lostWei,
        uint256 burnedWei
    );

    error BadAmount();
    error BalanceTooLow(address account);
    error StillThawing(uint256 readyAt);
    error NothingThawing();
    error BadClaim();
    error BadSignature(address asserter);
    error ClaimExpired(uint256 until);
    /// @notice Nobody disputes itself.
    error SelfDispute();
    /// @notice One dispute about a claim at a time.
    error AlreadyDisputed(bytes32 id);
    /// @notice The claim was found wrong before.
    error AlreadyLost();
    error NotYourTurn(address sender);
    error WrongPhase(Phase phase);
    /// @notice Not where the dispute stands: the move was made before, or belongs elsewhere.
    error WrongPosition();
    error ClockExpired();
    error ClockRuns(uint256 leftSeconds);
    error WrongCount(uint256 count, uint256 expected);
    /// @notice The parts do not hash to what was said before.
    error WrongHash();
    error WrongProof();
    error OutOfRange(uint256 place, uint256 count);
    /// @notice More terms than one call computes again: split further.
    error SliceTooLong(uint256 terms);
    /// @notice What the terms give is not what the asserter said.
    error WrongResult();
    /// @notice What the terms give is what the asserter said: nothing to refute.
    error RightResult();
    /// @notice A tensor without elements: nothing in it can be wrong, so nothing of it is opened.
    error EmptyTensor(uint256 entry);
    /// @notice A loss, moment or parameter that is infinite or no number: training stops before it signs such a state.
    error NonFinite(uint32 bits);
    /// @notice What the step was given is not what the claim says.
    error WrongBatch();

    /// @notice Puts TRAIN of the sender (approved before) into its balance here, from which bonds are taken.
    function deposit(uint256 amountWei) external;

    /// @notice Starts to take balance out. It stays within reach of bonds until it is withdrawn.
    function thaw(uint256 amountWei) external;

    /// @notice Sends the sender its thawed balance.
    function withdraw() external returns (uint256 amountWei);

    /// @notice Destroys what was burned so far. Anyone may call.
    /// @return amountWei how much
    function flushBurned() external returns (uint256 amountWei);

    /// @notice Disputes a claim. Takes the first bond of both sides; of a registered worker without a balance only once it
    /// moves, since its stake answers as well.
    /// @return id hash of the claim
    function open(Claim calldata claim, bytes calldata signature) external returns (bytes32 id);

    /// @notice The asserter says what lies between `low` and `high`, at 32 equal parts or each place.
    /// @param claims both ends included
    function split(bytes32 id, Position calldata position, bytes32[] calldata claims) external;

    /// @notice The challenger points at the first part whose end is wrong.
    function pick(bytes32 id, Position calldata position, bytes32[] calldata claims, uint256 part) external;

    /// @notice The asserter says between which tensors the disputed step lies.
    function openStep(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        StepOpening calldata opening
    ) external;

    /// @notice The asserter shows the root of the disputed tensor.
    function openTensor(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        TensorOpening calldata opening
    ) external;

    /// @notice The asserter shows the children of the disputed node.
    function openNode(bytes32 id, Position calldata position, bytes32[] calldata children) external;

    /// @notice The challenger points at a child.
    function pickNode(
        bytes32 id,
        Position calldata position,
        bytes32[] calldata children,
        uint256 child
    ) external;

    /// @notice The asserter shows the 2 KiB of the disputed leaf.
    function openLeaf(bytes32 id, Position calldata position, bytes calldata words) external;

    /// @notice The challenger points at an element of the leaf.
    function pickElement(
        bytes32 id,
        Position calldata position,
        bytes calldata words,
        uint256 element
    ) external;

    /// @notice The asserter says in which state the computation of the element ends.
    function openElement(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        ElementOpening calldata opening
    ) external;

    /// @notice The asserter proves the disputed terms, and wins.
    function prove(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        Slice calldata slice
    ) external;

    /// @notice Anyone shows that the disputed terms give something else than the asserter says: it loses at once.
    function refute(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        Slice calldata slice
    ) external;

    /// @notice Who lost a claim: what a job's slashing rests on in place of a verdict.
    /// @return id hash of the claim
    /// @return worker number of the account whose operator signed it; zero where none did, or the claim is not lost
    /// @return challenger who showed it; zero where the claim is not lost
    function lossOf(
        Claim calldata claim
    ) external view returns (bytes32 id, uint256 worker, address challenger);

    /// @notice Ends a dispute in which somebody's time is over. Anyone may call.
    function expire(bytes32 id, Position calldata position, Claim calldata claim) external;
}
